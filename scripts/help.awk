# Prints the targets and the variables of a Makefile that carry a `##` comment.
BEGIN { FS = ":.*## | \\?=[^#]*## "; print "Helius Mesh: make TARGET [VARIABLE=value]\n" }
/^[a-z][a-z0-9-]*:.*## / { printf "  %-14s %s\n", $1, $2 }
/^[A-Z][A-Z_]* \?=[^#]*## / { variables = variables sprintf("  %-22s %s\n", $1, $2) }
END { printf "\nVariables:\n%s", variables }
