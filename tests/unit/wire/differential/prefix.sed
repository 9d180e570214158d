s/\b(ni|nibind|ext)_/t_\1_/g
s/\b(NI|NIBIND|NIEXT|EXT)_/T_\1_/g
