// Package realapi holds what intents are compiled to against a real API server:
// kube-apiserver and etcd of their own modules, with Calico's kinds as controller-gen
// makes them of Calico's API module. Nothing of it is part of the program; see
// README.md.
package realapi

import (
	"context"
	"crypto/rand"
	"crypto/rsa"
	"crypto/tls"
	"crypto/x509"
	"crypto/x509/pkix"
	"encoding/pem"
	"errors"
	"fmt"
	"math/big"
	"net"
	"net/http"
	"net/url"
	"os"
	"path/filepath"
	"time"

	"go.etcd.io/etcd/server/v3/embed"
	"k8s.io/apiserver/pkg/server"
	"k8s.io/client-go/rest"
	"k8s.io/klog/v2"
	"k8s.io/kubernetes/cmd/kube-apiserver/app"
)

// Server is a running API server with its store.
type Server struct {
	Config *rest.Config
	etcd   *embed.Etcd
	done   chan error
}

// Start runs etcd and an API server on free ports of the loopback address, with
// all files in dir, and waits until the server is ready.
func Start(ctx context.Context, dir string) (*Server, error) {
	ports, err := freePorts(3)
	if err != nil {
		return nil, err
	}
	if err := writeKeys(dir); err != nil {
		return nil, err
	}
	etcd, err := startEtcd(dir, ports[1], ports[2])
	if err != nil {
		return nil, err
	}
	s := &Server{etcd: etcd, done: make(chan error, 1)}
	in := func(name string) string { return filepath.Join(dir, name) }
	cmd := app.NewAPIServerCommand()
	cmd.SetArgs([]string{
		fmt.Sprintf("--etcd-servers=http://127.0.0.1:%d", ports[1]), "--bind-address=127.0.0.1", fmt.Sprintf("--secure-port=%d", ports[0]),
		"--client-ca-file=" + in("ca.crt"), "--tls-cert-file=" + in("server.crt"), "--tls-private-key-file=" + in("server.key"),
		"--service-account-issuer=https://kubernetes.default.svc", "--service-account-key-file=" + in("ca.key"), "--service-account-signing-key-file=" + in("ca.key"),
		"--authorization-mode=AlwaysAllow", "--service-cluster-ip-range=10.96.0.0/12", "--disable-admission-plugins=ServiceAccount",
		"--endpoint-reconciler-type=none", "--cert-dir=" + dir, "--v=0",
		"--request-timeout=5s", // so long it waits at the end for what is under way
	})
	cmd.SilenceUsage = true
	go func() { s.done <- cmd.Execute() }()
	s.Config = &rest.Config{Host: fmt.Sprintf("https://127.0.0.1:%d", ports[0]), QPS: 1000, Burst: 1000,
		TLSClientConfig: rest.TLSClientConfig{CAFile: in("ca.crt"), CertFile: in("client.crt"), KeyFile: in("client.key")}}
	if err := s.ready(ctx); err != nil {
		return nil, errors.Join(err, s.Stop())
	}
	return s, quiet(dir)
}

// quiet sends what the server logs from now on to a file: it has said all that
// matters when it is ready.
func quiet(dir string) error {
	log, err := os.Create(filepath.Join(dir, "server.log"))
	if err != nil {
		return err
	}
	klog.LogToStderr(false)
	klog.SetOutput(log)
	return nil
}

// Stop ends the server, as a signal would, and its store.
func (s *Server) Stop() error {
	server.RequestShutdown()
	var err error
	select {
	case err = <-s.done:
	case <-time.After(30 * time.Second):
		err = errors.New("the API server does not end")
	}
	s.etcd.Close()
	return err
}

func (s *Server) ready(ctx context.Context) error {
	client, err := rest.HTTPClientFor(s.Config)
	if err != nil {
		return err
	}
	var last error
	for deadline := time.Now().Add(2 * time.Minute); time.Now().Before(deadline); time.Sleep(200 * time.Millisecond) {
		req, err := http.NewRequestWithContext(ctx, http.MethodGet, s.Config.Host+"/readyz", nil)
		if err != nil {
			return err
		}
		resp, err := client.Do(req)
		if err != nil {
			last = err
			continue
		}
		resp.Body.Close()
		if resp.StatusCode == http.StatusOK {
			return nil
		}
		last = fmt.Errorf("/readyz: %s", resp.Status)
	}
	return fmt.Errorf("the API server does not get ready: %w", last)
}

func startEtcd(dir string, client, peer int) (*embed.Etcd, error) {
	address := func(port int) []url.URL {
		return []url.URL{{Scheme: "http", Host: fmt.Sprintf("127.0.0.1:%d", port)}}
	}
	c := embed.NewConfig()
	c.Dir, c.LogLevel, c.UnsafeNoFsync = filepath.Join(dir, "etcd"), "error", true
	c.ListenClientUrls, c.AdvertiseClientUrls = address(client), address(client)
	c.ListenPeerUrls, c.AdvertisePeerUrls = address(peer), address(peer)
	c.InitialCluster = c.InitialClusterFromName(c.Name)
	e, err := embed.StartEtcd(c)
	if err != nil {
		return nil, err
	}
	select {
	case <-e.Server.ReadyNotify():
		return e, nil
	case <-time.After(time.Minute):
		e.Close()
		return nil, errors.New("etcd does not get ready")
	}
}

func freePorts(n int) ([]int, error) {
	var out []int
	for range n {
		l, err := net.Listen("tcp", "127.0.0.1:0")
		if err != nil {
			return nil, err
		}
		defer l.Close()
		out = append(out, l.Addr().(*net.TCPAddr).Port)
	}
	return out, nil
}

// writeKeys makes an authority, and certificates of the server and of a client
// that may do everything.
func writeKeys(dir string) error {
	ca, caKey, err := certificate(dir, "ca", &x509.Certificate{Subject: pkix.Name{CommonName: "ca"}, IsCA: true, BasicConstraintsValid: true,
		KeyUsage: x509.KeyUsageCertSign | x509.KeyUsageDigitalSignature}, nil, nil)
	if err != nil {
		return err
	}
	_, _, err = certificate(dir, "server", &x509.Certificate{Subject: pkix.Name{CommonName: "server"}, IPAddresses: []net.IP{net.IPv4(127, 0, 0, 1)},
		KeyUsage: x509.KeyUsageDigitalSignature, ExtKeyUsage: []x509.ExtKeyUsage{x509.ExtKeyUsageServerAuth}}, ca, caKey)
	if err != nil {
		return err
	}
	_, _, err = certificate(dir, "client", &x509.Certificate{Subject: pkix.Name{CommonName: "tester", Organization: []string{"system:masters"}},
		KeyUsage: x509.KeyUsageDigitalSignature, ExtKeyUsage: []x509.ExtKeyUsage{x509.ExtKeyUsageClientAuth}}, ca, caKey)
	return err
}

// certificate writes NAME.crt and NAME.key; without a parent it signs itself.
func certificate(dir, name string, c, parent *x509.Certificate, parentKey *rsa.PrivateKey) (*x509.Certificate, *rsa.PrivateKey, error) {
	key, err := rsa.GenerateKey(rand.Reader, 2048)
	if err != nil {
		return nil, nil, err
	}
	if parent == nil {
		parent, parentKey = c, key
	}
	c.SerialNumber = big.NewInt(time.Now().UnixNano())
	c.NotBefore, c.NotAfter = time.Now().Add(-time.Hour), time.Now().Add(24*time.Hour)
	der, err := x509.CreateCertificate(rand.Reader, c, parent, &key.PublicKey, parentKey)
	if err != nil {
		return nil, nil, err
	}
	write := func(suffix, kind string, data []byte) error {
		return os.WriteFile(filepath.Join(dir, name+suffix), pem.EncodeToMemory(&pem.Block{Type: kind, Bytes: data}), 0o600)
	}
	if err := write(".crt", "CERTIFICATE", der); err != nil {
		return nil, nil, err
	}
	if err := write(".key", "RSA PRIVATE KEY", x509.MarshalPKCS1PrivateKey(key)); err != nil {
		return nil, nil, err
	}
	if _, err := tls.LoadX509KeyPair(filepath.Join(dir, name+".crt"), filepath.Join(dir, name+".key")); err != nil {
		return nil, nil, err
	}
	out, err := x509.ParseCertificate(der)
	return out, key, err
}
