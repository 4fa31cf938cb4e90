package setup

import (
	"encoding/json"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"strings"
)

const stateExt = ".json"

func statePath(dir, name string) string {
	if dir == "" {
		dir = DefaultDir
	}
	return filepath.Join(dir, name+stateExt)
}

// Load returns the state of the device that Up made, from dir, or from
// DefaultDir if dir is empty. ErrNotUp says that there is none.
func Load(dir, name string) (*State, error) {
	if err := checkName(name); err != nil {
		return nil, fmt.Errorf("setup: %s: %w", name, err)
	}
	path := statePath(dir, name)
	b, err := os.ReadFile(path)
	if errors.Is(err, fs.ErrNotExist) {
		return nil, fmt.Errorf("setup: %s: %w", name, ErrNotUp)
	}
	if err != nil {
		return nil, fmt.Errorf("setup: cannot read the state: %w", err)
	}
	st := new(State)
	if err := json.Unmarshal(b, st); err != nil || st.Name != name {
		return nil, fmt.Errorf("setup: %s is damaged: remove by hand what is left of %s, then the file", path, name)
	}
	return st, nil
}

// States returns every state in dir, or DefaultDir, in the order of their
// names. No directory means no states; a damaged file is an error.
func States(dir string) ([]*State, error) {
	paths, err := filepath.Glob(statePath(dir, "*"))
	if err != nil {
		return nil, fmt.Errorf("setup: cannot list the states: %w", err)
	}
	var all []*State
	for _, p := range paths {
		st, err := Load(dir, strings.TrimSuffix(filepath.Base(p), stateExt))
		if errors.Is(err, ErrNotUp) {
			continue // removed meanwhile
		}
		if err != nil {
			return nil, err
		}
		all = append(all, st)
	}
	return all, nil
}

// create writes a state that must not be there yet.
func (st *State) create(dir string) error {
	path := statePath(dir, st.Name)
	if err := os.MkdirAll(filepath.Dir(path), 0o755); err != nil {
		return fmt.Errorf("setup: cannot keep the state: %w", err)
	}
	return st.put(path, func(tmp string) error {
		err := os.Link(tmp, path) // unlike a rename, refuses what exists
		if errors.Is(err, fs.ErrExist) {
			return ErrAlreadyUp
		}
		return errors.Join(err, os.Remove(tmp))
	})
}

// save writes a state over the one that is there.
func (st *State) save(dir string) error {
	path := statePath(dir, st.Name)
	return st.put(path, func(tmp string) error { return os.Rename(tmp, path) })
}

// put writes beside path and moves it there in one step, so that a crash
// leaves either the old state or the new one.
func (st *State) put(path string, move func(tmp string) error) error {
	b, err := json.MarshalIndent(st, "", "\t")
	if err == nil {
		tmp := path + ".new"
		if err = os.WriteFile(tmp, append(b, '\n'), 0o644); err == nil {
			err = move(tmp)
		}
	}
	if err != nil {
		return fmt.Errorf("setup: cannot keep the state of %s: %w", st.Name, err)
	}
	return nil
}

func (st *State) remove(dir string) error {
	path := statePath(dir, st.Name)
	_ = os.Remove(path + ".new") // left by a crash, perhaps
	if err := os.Remove(path); err != nil {
		return fmt.Errorf("setup: cannot remove the state: %w", err)
	}
	return nil
}
