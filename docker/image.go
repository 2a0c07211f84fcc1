package docker

import (
	"archive/tar"
	"context"
	"crypto/sha256"
	"debug/elf"
	"encoding/hex"
	"errors"
	"fmt"
	"io"
	"os"

	"github.com/containerd/errdefs"
	"github.com/moby/moby/client"
	tc "github.com/testcontainers/testcontainers-go"
)

// Where things are in an image, and the directory that is a volume.
const (
	agentPath  = "/faultline"
	systemPath = "/system"
	dataPath   = "/data"
)

const dockerfile = "FROM scratch\nCOPY faultline system /\n"

const imageRepo = "faultline"

// image makes sure of the image that holds the two binaries: it is named after their content, so it
// is built once. To read them takes less time than the engine needs for the run's network, which is
// made meanwhile.
func (e *engine) image(ctx context.Context, agent, system string) (name string, built bool, err error) {
	files := map[string]string{"faultline": agent, "system": system}
	h := sha256.New()
	_, _ = io.WriteString(h, dockerfile) // a hash never fails
	for _, name := range []string{"faultline", "system"} {
		if err := checkStatic(files[name]); err != nil {
			return "", false, err
		}
		if err := copyFile(h, files[name]); err != nil {
			return "", false, err
		}
	}
	tag := hex.EncodeToString(h.Sum(nil))[:16]
	name = imageRepo + ":" + tag
	_, err = e.api.ImageInspect(ctx, name)
	if err == nil {
		return name, false, nil
	}
	if !errdefs.IsNotFound(err) {
		return "", false, fmt.Errorf("look for image %s: %w", name, err)
	}
	return name, true, e.build(ctx, tag, files)
}

func (e *engine) build(ctx context.Context, tag string, files map[string]string) error {
	archive, err := os.CreateTemp("", "faultline-image-") // a file: it is large, and may have to be sent again
	if err != nil {
		return fmt.Errorf("pack the image's files: %w", err)
	}
	defer archive.Close()
	err = errors.Join(os.Remove(archive.Name()), writeContext(archive, files)) // without a name it cannot be left behind
	if err != nil {
		return fmt.Errorf("pack the image's files: %w", err)
	}
	_, err = e.provider.BuildImage(ctx, &tc.ContainerRequest{FromDockerfile: tc.FromDockerfile{
		ContextArchive: struct{ io.ReadSeeker }{archive}, // without Close: to be sent again
		Repo:           imageRepo,
		Tag:            tag,
		KeepImage:      true,
		BuildLogWriter: io.Discard,
		BuildOptionsModifier: func(o *client.ImageBuildOptions) { // before each attempt
			_, _ = archive.Seek(0, io.SeekStart) // where it fails, reading does
			o.Labels = map[string]string{labelImage: "true"}
		},
	}})
	if err != nil {
		return fmt.Errorf("build image %s:%s: %w", imageRepo, tag, err)
	}
	return nil
}

// writeContext writes what the engine builds from. Times are left out: they would defeat its cache.
func writeContext(w io.Writer, files map[string]string) error {
	t := tar.NewWriter(w)
	if err := t.WriteHeader(&tar.Header{Name: "Dockerfile", Mode: 0o644, Size: int64(len(dockerfile))}); err != nil {
		return err
	}
	if _, err := io.WriteString(t, dockerfile); err != nil {
		return err
	}
	for name, path := range files {
		info, err := os.Stat(path)
		if err != nil {
			return err
		}
		if err := t.WriteHeader(&tar.Header{Name: name, Mode: 0o755, Size: info.Size()}); err != nil {
			return err
		}
		if err := copyFile(t, path); err != nil {
			return err
		}
	}
	return t.Close()
}

func copyFile(w io.Writer, path string) error {
	f, err := os.Open(path)
	if err != nil {
		return err
	}
	defer f.Close()
	if _, err := io.Copy(w, f); err != nil {
		return fmt.Errorf("read %s: %w", path, err)
	}
	return nil
}

// checkStatic refuses what cannot run in an empty image.
func checkStatic(path string) error {
	f, err := elf.Open(path)
	if err != nil {
		return fmt.Errorf("%s is no Linux program: %w", path, err)
	}
	defer f.Close()
	for _, p := range f.Progs {
		if p.Type == elf.PT_INTERP {
			return fmt.Errorf("%s needs shared libraries, which an empty image does not have: build it with CGO_ENABLED=0", path)
		}
	}
	return nil
}
