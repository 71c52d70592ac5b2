\copy t from 'rows.csv' with (format csv, header true)
