INSERT INTO public.user VALUES
<<rows 1 300 ",\n" "(@,'xxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxx',1)">>;
