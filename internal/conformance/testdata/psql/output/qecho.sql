\qecho hello
