create database nothing_at_all;
