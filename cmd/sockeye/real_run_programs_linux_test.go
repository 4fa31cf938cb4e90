package main

import (
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/require"
)

// git clones through the stack, every object of it.
func TestRunGit(t *testing.T) {
	w := outside(t)
	git := programPath(t, "git")
	root := t.TempDir()
	require.NoError(t, os.Chmod(root, 0o755))
	work := filepath.Join(w.dir, "work")
	at := func(dir string, args ...string) string {
		cmd := exec.Command(git, append([]string{"-C", dir, "-c", "user.name=Fish", "-c", "user.email=fish@sockeye.test", "-c", "init.defaultBranch=river"}, args...)...)
		cmd.Env = append(os.Environ(), "GIT_CONFIG_GLOBAL=/dev/null", "GIT_CONFIG_SYSTEM=/dev/null")
		out, err := cmd.CombinedOutput()
		require.NoError(t, err, "git %s: %s", args, out)
		return string(out)
	}
	require.NoError(t, os.Mkdir(work, 0o755))
	at(work, "init", "-q")
	for i := range 20 {
		w.file(filepath.Join(work, fmt.Sprint(i)), 100_000)
		at(work, "add", ".")
		at(work, "commit", "-qm", fmt.Sprint(i))
	}
	at(root, "clone", "-q", "--bare", work, "fish.git")
	at(filepath.Join(root, "fish.git"), "update-server-info")
	w.nginx(root)

	cmd := runs("git", "clone", "-q", "http://"+kernelIP+"/fish.git", filepath.Join(w.dir, "clone"))
	cmd.Env = append(cmd.Env, "GIT_CONFIG_GLOBAL=/dev/null", "GIT_CONFIG_SYSTEM=/dev/null")
	p := w.run(cmd)
	require.Zero(t, p.code, p.stderr())
	clone := filepath.Join(w.dir, "clone")
	at(clone, "fsck", "--full", "--strict")
	require.Equal(t, at(work, "rev-parse", "HEAD"), at(clone, "rev-parse", "HEAD"))
	require.Len(t, strings.Fields(at(clone, "rev-list", "HEAD")), 20)
}

// A browser behind the stack shows a page, with what its scripts fetch.
func TestRunBrowser(t *testing.T) {
	w := outside(t)
	programPath(t, "chromium")
	root := t.TempDir()
	require.NoError(t, os.Chmod(root, 0o755))
	const parts = 30
	page := "<!doctype html><title>Fish</title><ul id=list></ul><script>"
	page += fmt.Sprintf("for (let i = 0; i < %d; i++) { const r = new XMLHttpRequest(); r.open('GET', '/' + i, false); r.send();", parts)
	page += "const li = document.createElement('li'); li.textContent = r.status + ' ' + r.responseText.length; list.append(li); }</script>"
	require.NoError(t, os.WriteFile(filepath.Join(root, "index.html"), []byte(page), 0o644))
	want := ""
	for i := range parts {
		w.file(filepath.Join(root, fmt.Sprint(i)), 1000*i+1)
		want += fmt.Sprintf("<li>200 %d</li>", 1000*i+1)
	}
	w.nginx(root, "types { text/html html; }")
	w.dnsmasq()
	cmd := runs("--dns", kernelIP, "chromium", "--headless", "--no-sandbox", "--disable-gpu", "--disable-dev-shm-usage", "--disable-quic", "--no-first-run",
		"--disable-background-networking", "--disable-component-update", "--disable-sync", "--user-data-dir="+t.TempDir(),
		"--dump-dom", "http://www.sockeye.test/")
	p := w.start(cmd)
	late := time.AfterFunc(4*patience, func() { _ = cmd.Process.Kill() }) // it takes longer than others to begin
	<-p.done
	late.Stop()
	require.Zero(t, p.code, p.stderr())
	require.Contains(t, p.stdout(), want)
}
