SELECT ((SELECT count(*) FROM par) = 0) = ((SELECT count(*) FROM chi) = 0);
