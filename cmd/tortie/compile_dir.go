package main

import (
	"bytes"
	"errors"
	"fmt"
	"io"
	"maps"
	"os"
	"path/filepath"
	"slices"
	"strings"

	"tortie/compiler/lower"
	"tortie/compiler/yamlpos"
)

// writeDir writes one file per object, all or none, and takes away those of
// earlier runs that the same intents no longer make. Other files are left alone;
// those of other intents are named.
func (c *compileFlags) writeDir(notes io.Writer, o *lower.Output) error {
	if err := os.MkdirAll(c.outputDir, 0o755); err != nil {
		return usageError("%v", err)
	}
	files, err := c.render(o)
	if err != nil {
		return internal(err)
	}
	old, err := c.earlier(files)
	if err != nil {
		return usageError("%v", err)
	}
	if err := writeAll(c.outputDir, files); err != nil {
		return usageError("%v", err)
	}
	for _, name := range slices.Sorted(maps.Keys(old)) {
		path := filepath.Join(c.outputDir, name)
		why, stays := old.stays(name, o.Intents)
		if stays {
			fmt.Fprintf(notes, "note: %s %s; it is left alone\n", path, why)
			continue
		}
		if err := os.Remove(path); err != nil {
			return usageError("%v", err)
		}
		fmt.Fprintf(notes, "note: %s is removed: %s\n", path, why)
	}
	return nil
}

// leftovers are the files of earlier runs that are not written now, with what they
// hold.
type leftovers map[string]lower.Made

// stays says whether a file is to be left alone and why, or why it goes. What
// belongs to all intents goes when nothing of an intent that is not in the input is
// left.
func (l leftovers) stays(name string, intents []string) (why string, stays bool) {
	other := func(m lower.Made) bool { return m.PartOf != "" && !slices.Contains(intents, m.PartOf) }
	switch m := l[name]; {
	case other(m):
		return "was compiled from an intent that is not in the input", true
	case m.PartOf != "":
		return "intent " + m.PartOf + " no longer makes it", false
	case m.Kind == "HostEndpoint":
		return "was written by --host-endpoints", true
	}
	for _, file := range slices.Sorted(maps.Keys(l)) {
		if other(l[file]) {
			return "may be needed by intent " + l[file].PartOf + ", which is not in the input", true
		}
	}
	return "no intent makes it any more", false
}

// render gives each object a file.
func (c *compileFlags) render(o *lower.Output) (map[string][]byte, error) {
	out := map[string][]byte{}
	for _, f := range o.Files() {
		var b bytes.Buffer
		name := f.Name
		if c.output == "json" {
			data, err := f.JSON()
			if err != nil {
				return nil, err
			}
			fmt.Fprintf(&b, "%s\n", data)
			name = strings.TrimSuffix(name, filepath.Ext(name)) + ".json"
		} else {
			f.YAML(&b)
		}
		out[name] = b.Bytes()
	}
	return out, nil
}

// earlier finds the files in the folder that hold compiled objects and are not
// written now.
func (c *compileFlags) earlier(now map[string][]byte) (leftovers, error) {
	list, err := os.ReadDir(c.outputDir)
	if err != nil {
		return nil, err
	}
	out := leftovers{}
	for _, e := range list {
		ext := filepath.Ext(e.Name())
		if _, written := now[e.Name()]; written || !e.Type().IsRegular() || !slices.Contains([]string{".yaml", ".yml", ".json"}, ext) {
			continue
		}
		data, err := os.ReadFile(filepath.Join(c.outputDir, e.Name()))
		if err != nil {
			return nil, err
		}
		if docs, _ := yamlpos.Parse(e.Name(), data); len(docs) == 1 {
			if made, ok := lower.MadeOf(docs[0]); ok {
				out[e.Name()] = made
			}
		}
	}
	return out, nil
}

// writeAll writes files beside those that they replace, and puts them in place
// when all are written.
func writeAll(dir string, files map[string][]byte) error {
	temporary := map[string]string{}
	defer func() {
		for _, t := range temporary {
			_ = os.Remove(t)
		}
	}()
	for name, data := range files {
		f, err := os.CreateTemp(dir, ".tortie-*")
		if err != nil {
			return err
		}
		temporary[name] = f.Name()
		_, werr := f.Write(data)
		if err := errors.Join(werr, f.Chmod(0o644), f.Close()); err != nil {
			return err
		}
	}
	for name := range files {
		if info, err := os.Stat(filepath.Join(dir, name)); err == nil && info.IsDir() {
			return fmt.Errorf("%s is a folder", filepath.Join(dir, name))
		}
	}
	for _, name := range slices.Sorted(maps.Keys(files)) {
		if err := os.Rename(temporary[name], filepath.Join(dir, name)); err != nil {
			return err
		}
		delete(temporary, name)
	}
	return nil
}
