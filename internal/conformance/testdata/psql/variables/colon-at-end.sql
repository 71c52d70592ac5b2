select 1 :
