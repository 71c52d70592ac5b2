// Package harm attacks the program, and looks what comes of it: scripts, archives, hosts, servers, settings and names that mean harm.
// It holds tests alone.
package harm
