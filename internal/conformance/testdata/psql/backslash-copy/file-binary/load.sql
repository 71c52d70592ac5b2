\copy t from 'rows.bin' with (format binary)
\copy t from 'rows.bin' binary
\copy binary t from 'rows.bin'
