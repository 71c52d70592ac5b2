select :"nothing" from t;
