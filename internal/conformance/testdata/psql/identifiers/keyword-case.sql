InSeRt InTo T VaLuEs (1, 'x');
