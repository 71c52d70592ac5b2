package seed

import (
	"encoding/binary"
	"encoding/hex"
	"io/fs"
	"net/netip"
	"strconv"
	"strings"
)

// hostGateway gives the address at which a container of a workflow finds the machine around it, with the ports that services
// publish there: the default gateway of the container's network. It is not valid outside such a container, where the gateway is
// somebody's router. root is the root of the file system.
//
// That it is a container is known from the file that Docker and Podman put into each, or from the workspace's name, which the
// runner uses in container actions and container jobs alone.
func hostGateway(getenv func(string) string, root fs.FS) netip.Addr {
	if getenv("GITHUB_ACTIONS") != "true" {
		return netip.Addr{}
	}
	workspace := getenv("GITHUB_WORKSPACE")
	inside := workspace == "/github/workspace" || strings.HasPrefix(workspace, "/__w/")
	for _, mark := range []string{".dockerenv", "run/.containerenv"} {
		_, err := fs.Stat(root, mark)
		inside = inside || err == nil
	}
	if !inside {
		return netip.Addr{}
	}
	routes, err := fs.ReadFile(root, "proc/net/route")
	if err != nil {
		return netip.Addr{}
	}
	return defaultGateway(string(routes))
}

// defaultGateway reads the default route from Linux's /proc/net/route: lines of interface, destination, gateway, flags, three
// counts, mask; addresses are the bytes of the network's order, written as one number of this machine. A gateway that is not a
// private address is left out: that would be no container's network.
func defaultGateway(routes string) netip.Addr {
	const none, usable = "00000000", 0x3 // RTF_UP and RTF_GATEWAY
	for line := range strings.Lines(routes) {
		fields := strings.Fields(line)
		if len(fields) < 8 || fields[1] != none || fields[7] != none {
			continue
		}
		flags, err := strconv.ParseUint(fields[3], 16, 32)
		number, bad := hex.DecodeString(fields[2])
		if err != nil || bad != nil || len(number) != 4 || flags&usable != usable {
			continue
		}
		var address [4]byte
		binary.NativeEndian.PutUint32(address[:], binary.BigEndian.Uint32(number))
		if gateway := netip.AddrFrom4(address); gateway.IsPrivate() {
			return gateway
		}
	}
	return netip.Addr{}
}
