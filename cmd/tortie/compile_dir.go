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
		if !old[name].ours {
			continue
		}
		path := filepath.Join(c.outputDir, name)
		why, goes := old.goes(name, o.Intents)
		if !goes {
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

// leftover is a file of the folder that is not written now, with what it holds.
type leftover struct {
	docs []*yamlpos.Node
	// made is what it holds if that is one object that intents were compiled to, ours
	// that it is so.
	made lower.Made
	ours bool
	// instead is the file that has the same object now.
	instead string
}

// leftovers are those files by name.
type leftovers map[string]leftover

// goes says whether a file is to be taken away, or left alone, and why.
func (l leftovers) goes(name string, intents []string) (why string, goes bool) {
	if why, goes = l[name].outdated(intents); !goes || l[name].instead != "" {
		return why, goes
	}
	set := l[name].made
	for _, file := range slices.Sorted(maps.Keys(l)) {
		o := l[file]
		if _, gone := o.outdated(intents); (!o.ours || !gone) && slices.ContainsFunc(o.docs, set.UsedBy) {
			return "is still used by " + file, false
		}
		if set.PartOf == "" && o.of(intents) {
			return "may be needed by intent " + o.made.PartOf + ", which is not in the input", false
		}
	}
	return why, true
}

// of says that a file is of an intent that is not in the input.
func (o leftover) of(intents []string) bool {
	return o.ours && o.instead == "" && o.made.PartOf != "" && !slices.Contains(intents, o.made.PartOf)
}

// outdated says whether no intent of the input makes a file, looked at by itself.
func (o leftover) outdated(intents []string) (why string, is bool) {
	switch m := o.made; {
	case o.instead != "":
		return o.instead + " has the same object", true
	case o.of(intents):
		return "was compiled from an intent that is not in the input", false
	case m.PartOf != "":
		return "intent " + m.PartOf + " no longer makes it", true
	case m.Kind == "HostEndpoint":
		return "was written by --host-endpoints", false
	}
	return "no intent makes it any more", true
}

// render gives each object a file.
func (c *compileFlags) render(o *lower.Output) (map[string][]byte, error) {
	out := map[string][]byte{}
	for _, f := range o.Files() {
		var b bytes.Buffer
		if c.output == "json" {
			data, err := f.JSON()
			if err != nil {
				return nil, err
			}
			fmt.Fprintf(&b, "%s\n", data)
		} else {
			f.YAML(&b)
		}
		out[c.fileName(f.Name)] = b.Bytes()
	}
	return out, nil
}

// fileName is the name of a file in the form that is asked for.
func (c *compileFlags) fileName(name string) string {
	if c.output == "json" {
		return strings.TrimSuffix(name, ".yaml") + ".json"
	}
	return name
}

// earlier reads the files in the folder that are not written now.
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
		out[e.Name()] = c.leftover(e.Name(), data, now)
	}
	return out, nil
}

func (c *compileFlags) leftover(name string, data []byte, now map[string][]byte) leftover {
	var o leftover
	o.docs, _ = yamlpos.Parse(name, data)
	if len(o.docs) != 1 {
		return o
	}
	if o.made, o.ours = lower.MadeOf(o.docs[0]); o.ours {
		if same := c.fileName(o.made.File); now[same] != nil {
			o.instead = same
		}
	}
	return o
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
