COPY t FROM 'copy-files-text.dat';
\copy b from 'copy-files-binary.dat' (format binary)
COPY b FROM 'copy-files-binary.dat' WITH (FORMAT binary);
COPY t FROM 'copy-files-text.dat'\; SELECT 1;
