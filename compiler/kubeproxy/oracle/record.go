package main

import (
	"bytes"
	"compress/gzip"
	"encoding/json"
	"fmt"
	"io"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
)

// record writes the objects and, for every configuration of configs.json in the
// folder, what kube-proxy programs for them: each in a new network namespace.
// Only those whose name contains the text are recorded anew.
func record(dir, only string) error {
	return recordAll(dir, only, func(out io.Writer) error { return writeShapes(out, 1, 100) })
}

func recordAll(dir, only string, write func(io.Writer) error) error {
	text, err := os.ReadFile(filepath.Join(dir, "configs.json"))
	if err != nil {
		return err
	}
	configs := map[string]json.RawMessage{}
	if err := json.Unmarshal(text, &configs); err != nil {
		return err
	}
	var objects bytes.Buffer
	if err := write(&objects); err != nil {
		return err
	}
	if err := writeCompressed(filepath.Join(dir, "objects.yaml.gz"), objects.Bytes()); err != nil {
		return err
	}
	plain := filepath.Join(os.TempDir(), fmt.Sprintf("objects-%d.yaml", os.Getpid()))
	if err := os.WriteFile(plain, objects.Bytes(), 0o644); err != nil {
		return err
	}
	defer os.Remove(plain)
	for name, c := range configs {
		if only != "" && !strings.Contains(name, only) {
			continue
		}
		rules, err := recordOne(plain, string(c))
		if err != nil {
			return fmt.Errorf("%s: %w", name, err)
		}
		if err := writeCompressed(filepath.Join(dir, name+".gz"), rules); err != nil {
			return err
		}
	}
	return nil
}

// recordOne runs this program in a new network namespace. kube-proxy only logs
// that it could not program its rules; that is an error here.
func recordOne(objects, config string) ([]byte, error) {
	self, err := os.Executable()
	if err != nil {
		return nil, err
	}
	var out, log bytes.Buffer
	cmd := exec.Command("unshare", "-n", self, "run", objects, config)
	cmd.Stdout, cmd.Stderr = &out, &log
	if err := cmd.Run(); err != nil {
		return nil, fmt.Errorf("%v: %s", err, log.String())
	}
	for _, l := range strings.Split(log.String(), "\n") {
		if strings.Contains(l, "Failed to execute iptables-restore") || strings.Contains(l, "nftables sync failed") {
			return nil, fmt.Errorf("kube-proxy: %s", log.String())
		}
	}
	return withoutCounters(out.Bytes()), nil
}

// withoutCounters takes out what differs from one recording to the next.
func withoutCounters(text []byte) []byte {
	var out bytes.Buffer
	for _, l := range strings.SplitAfter(string(text), "\n") {
		if strings.HasPrefix(l, "# ") {
			continue
		}
		if i := strings.Index(l, " ["); i > 0 && strings.HasPrefix(l, ":") {
			l = l[:i] + " [0:0]\n"
		}
		out.WriteString(l)
	}
	return out.Bytes()
}

func writeCompressed(file string, text []byte) error {
	var out bytes.Buffer
	z, err := gzip.NewWriterLevel(&out, gzip.BestCompression)
	if err != nil {
		return err
	}
	if _, err := z.Write(text); err != nil {
		return err
	}
	if err := z.Close(); err != nil {
		return err
	}
	return os.WriteFile(file, out.Bytes(), 0o644)
}
