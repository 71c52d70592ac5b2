package seed

import (
	"encoding/binary"
	"fmt"
	"net/netip"
	"testing"
	"testing/fstest"
)

// The machine around the container is looked for in a container of a workflow, and nowhere else.
func TestHostGateway(t *testing.T) {
	t.Parallel()
	const heading = "Iface\tDestination\tGateway \tFlags\tRefCnt\tUse\tMetric\tMask\t\tMTU\tWindow\tIRTT\n"
	route := func(destination, gateway, mask string, flags int) string {
		number := func(address string) uint32 {
			bytes := netip.MustParseAddr(address).As4()
			return binary.NativeEndian.Uint32(bytes[:])
		}
		return fmt.Sprintf("eth0\t%08X\t%08X\t%04X\t0\t0\t0\t%08X\t0\t0\t0\n", number(destination), number(gateway), flags, number(mask))
	}
	network := route("172.18.0.0", "0.0.0.0", "255.255.0.0", 1)
	usual := heading + network + route("0.0.0.0", "172.18.0.1", "0.0.0.0", 3)
	action := map[string]string{"GITHUB_ACTIONS": "true", "GITHUB_WORKSPACE": "/github/workspace"}
	elsewhere := map[string]string{"GITHUB_ACTIONS": "true", "GITHUB_WORKSPACE": "/home/runner/work/a/a"}
	for name, test := range map[string]struct {
		env         map[string]string
		files       []string
		routes      string
		wantGateway string // "" means none
	}{
		"container action":                {action, nil, usual, "172.18.0.1"},
		"container job":                   {map[string]string{"GITHUB_ACTIONS": "true", "GITHUB_WORKSPACE": "/__w/a/a"}, nil, usual, "172.18.0.1"},
		"another runner, in Docker":       {elsewhere, []string{".dockerenv"}, usual, "172.18.0.1"},
		"another runner, in Podman":       {elsewhere, []string{"run/.containerenv"}, usual, "172.18.0.1"},
		"on the runner itself":            {elsewhere, nil, usual, ""},
		"a container without a workflow":  {nil, []string{".dockerenv"}, usual, ""},
		"no routes":                       {action, nil, heading, ""},
		"no file of routes":               {action, nil, "", ""},
		"the network alone":               {action, nil, heading + network, ""},
		"a route that is down":            {action, nil, heading + route("0.0.0.0", "172.18.0.1", "0.0.0.0", 2), ""},
		"a router of the world":           {action, nil, heading + route("0.0.0.0", "93.184.216.34", "0.0.0.0", 3), ""},
		"half of the world":               {action, nil, heading + route("0.0.0.0", "172.18.0.1", "128.0.0.0", 3), ""},
		"a damaged line before the route": {action, nil, heading + "eth0\t00000000\tXYZ\t0003\t0\t0\t0\t00000000\t0\n" + route("0.0.0.0", "10.1.2.3", "0.0.0.0", 3), "10.1.2.3"},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			root := fstest.MapFS{}
			for _, file := range test.files {
				root[file] = &fstest.MapFile{}
			}
			if test.routes != "" {
				root["proc/net/route"] = &fstest.MapFile{Data: []byte(test.routes)}
			}
			got := hostGateway(func(name string) string { return test.env[name] }, root)
			if got.IsValid() != (test.wantGateway != "") || got.IsValid() && got.String() != test.wantGateway {
				t.Errorf("got %s, want %q", got, test.wantGateway)
			}
		})
	}
}
