select
  nothing;
