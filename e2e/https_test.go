//go:build e2e

package e2e

import (
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/x509"
	"crypto/x509/pkix"
	"encoding/pem"
	"errors"
	"fmt"
	"math/big"
	"net"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"
)

// roots is where Go programs look for the certificates of authorities, and where the images have theirs.
const roots = "/etc/ssl/certs/ca-certificates.crt"

// https generates and loads over https, from an API that a private authority has certified, with each image that there is. An image
// is given the authority as its users do it: added to the certificates that the image has. So one that has none fails.
func (w *world) https(t *testing.T) {
	service := w.withTables(t, "secure")
	images := map[string]string{"release": releaseImage}
	if w.built {
		images["Dockerfile"] = "act-dockeraction"
	}
	for name, image := range images {
		t.Run(name, func(t *testing.T) {
			if err := w.overHTTPS(t, image, service); err != nil {
				t.Error(err)
			}
		})
	}

	t.Run("an image without certificates fails", func(t *testing.T) {
		const without = "fabricate-seed-e2e/without-certificates"
		shell(t, ".", `printf 'FROM scratch\nCOPY --from=%s /fabricate-seed /fabricate-seed\nCOPY --from=%s /tmp /tmp\nENTRYPOINT ["/fabricate-seed"]\n' "$1" "$1" |
			DOCKER_BUILDKIT=0 docker build -q --label fabricate-seed.e2e=true -t "$2" -`, releaseImage, without)
		defer func() { shell(t, ".", `docker rmi -f "$1"`, without) }()
		if err := w.overHTTPS(t, without, service); err == nil {
			t.Error("it does not fail")
		}
	})
}

// overHTTPS says what is wrong with an image when the API is reached over https.
func (w *world) overHTTPS(t *testing.T, image, service string) error {
	t.Helper()
	dir := t.TempDir()
	bundle, own, env := filepath.Join(dir, "bundle"), filepath.Join(dir, "own"), filepath.Join(dir, "env")
	if said, err := output(`id=$(docker create "$1") && trap 'docker rm "$id" >/dev/null' EXIT && docker cp "$id:$2" "$3" 2>&1`, image, roots, bundle); err != nil {
		return fmt.Errorf("the image has no %s: %s", roots, said)
	}
	held, err := os.ReadFile(bundle)
	if err != nil {
		return err
	}
	const least = 50 // authorities that a system trusts
	if n := strings.Count(string(held), "-----BEGIN CERTIFICATE-----"); n < least {
		return fmt.Errorf("the image trusts %d authorities", n)
	}
	for path, text := range map[string]string{
		bundle: string(held) + w.authority, own: w.authority,
		env: "FABRICATE_API_URL=https://" + w.secureAPI + "/api/v1\nFABRICATE_API_KEY=" + apiKey +
			"\nFABRICATE_WORKSPACE=shop\nFABRICATE_DATABASE=shop\nFABRICATE_POLL_INTERVAL=100ms\nDATABASE_URL=" + service + "\n",
	} {
		if err := os.WriteFile(path, []byte(text), 0o644); err != nil {
			return err
		}
	}
	run := `docker run --rm --env-file ` + env + ` `
	for _, way := range []string{
		run + `-v ` + bundle + `:` + roots + `:ro ` + image + ` --output=json`,
		run + `-v ` + own + `:/own:ro ` + image + ` --output=json --api-ca-file=/own`,
	} {
		line, err := output(way)
		if err != nil {
			return fmt.Errorf("%s: %w: %s", way, err, line)
		}
		wantRows(t, line)
	}
	said, err := output(run + image + ` 2>&1 || echo "exit $?"`)
	if err != nil || !strings.Contains(said, "exit 3") || !strings.Contains(said, "api-ca-file") {
		return errors.Join(err, errors.New("an authority that nobody trusts is not refused, or not with what to do: "+said))
	}
	return nil
}

// secrets makes a private authority and a server's key with a certificate of its own, for this machine in the engine's default
// network, in a folder that a container may read.
func secrets(t *testing.T) (folder, authority string) {
	t.Helper()
	folder = t.TempDir()
	now := time.Now()
	ca := &x509.Certificate{
		SerialNumber: big.NewInt(1), Subject: pkix.Name{CommonName: "a private authority"}, NotBefore: now.Add(-time.Hour), NotAfter: now.Add(24 * time.Hour),
		IsCA: true, BasicConstraintsValid: true, KeyUsage: x509.KeyUsageCertSign,
	}
	server := &x509.Certificate{
		SerialNumber: big.NewInt(2), Subject: pkix.Name{CommonName: "the simulator"}, NotBefore: ca.NotBefore, NotAfter: ca.NotAfter,
		IPAddresses: []net.IP{net.ParseIP(gateway(t))}, KeyUsage: x509.KeyUsageDigitalSignature, ExtKeyUsage: []x509.ExtKeyUsage{x509.ExtKeyUsageServerAuth},
	}
	keys := make([]*ecdsa.PrivateKey, 2)
	for i := range keys {
		key, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
		if err != nil {
			t.Fatal(err)
		}
		keys[i] = key
	}
	signed := func(c *x509.Certificate, key *ecdsa.PrivateKey) []byte {
		der, err := x509.CreateCertificate(rand.Reader, c, ca, &key.PublicKey, keys[0])
		if err != nil {
			t.Fatal(err)
		}
		return pem.EncodeToMemory(&pem.Block{Type: "CERTIFICATE", Bytes: der})
	}
	der, err := x509.MarshalPKCS8PrivateKey(keys[1])
	if err != nil {
		t.Fatal(err)
	}
	for name, text := range map[string][]byte{
		"certificate": signed(server, keys[1]), "key": pem.EncodeToMemory(&pem.Block{Type: "PRIVATE KEY", Bytes: der}),
	} {
		if err := os.WriteFile(filepath.Join(folder, name), text, 0o644); err != nil {
			t.Fatal(err)
		}
	}
	return folder, string(signed(ca, keys[0]))
}
