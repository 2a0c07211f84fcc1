package docker

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"slices"

	"github.com/containerd/errdefs"
	"github.com/moby/moby/api/types/image"
	"github.com/moby/moby/client"

	"github.com/faultline-chaos/faultline/harness/agent"
)

// keptImages is how many images are kept: each holds two programs, some 80 MB, and programs under
// development are built often.
const keptImages = 8

// Clean removes containers, their volumes and networks of runs whose harness has ended, and images
// that are neither in use nor among the newest; with all set, those of every run, and all images. It
// returns what it removed. A harness that runs in another PID namespace is taken to be alive.
func (r *Runtime) Clean(ctx context.Context, all bool) ([]string, error) {
	e, err := connect()
	if err != nil {
		return nil, err
	}
	defer e.close()
	removed, err := e.clean(ctx, all)
	images, imagesErr := e.cleanImages(ctx, all)
	return append(removed, images...), errors.Join(err, imagesErr)
}

// Residue lists what exists of a run now.
func (r *Runtime) Residue(ctx context.Context, run string) ([]string, error) {
	e, err := connect()
	if err != nil {
		return nil, err
	}
	defer e.close()
	things, err := e.things(ctx, labelRun+"="+run)
	var found []string
	for _, t := range things {
		found = append(found, t.String())
	}
	return found, err
}

// thing is a container, volume or network of ours in the engine.
type thing struct {
	kind, name string
	labels     map[string]string
	remove     func(context.Context) error
}

func (t thing) String() string { return t.kind + " " + t.name }

// things lists everything with a label, in the order in which it can be removed.
func (e *engine) things(ctx context.Context, label string) (out []thing, err error) {
	filter := client.Filters{}.Add("label", label)
	containers, err := e.api.ContainerList(ctx, client.ContainerListOptions{All: true, Filters: filter})
	if err != nil {
		return nil, fmt.Errorf("list containers: %w", err)
	}
	for _, c := range containers.Items {
		name := c.ID[:12]
		if len(c.Names) > 0 {
			name = c.Names[0][1:] // without its slash
		}
		out = append(out, thing{"container", name, c.Labels, func(ctx context.Context) error { return e.removeContainer(ctx, c.ID) }})
	}
	networks, err := e.api.NetworkList(ctx, client.NetworkListOptions{Filters: filter})
	if err != nil {
		return nil, fmt.Errorf("list networks: %w", err)
	}
	for _, n := range networks.Items {
		out = append(out, thing{"network", n.Name, n.Labels, func(ctx context.Context) error { return e.removeNetwork(ctx, n.ID) }})
	}
	volumes, err := e.api.VolumeList(ctx, client.VolumeListOptions{Filters: filter})
	if err != nil {
		return nil, fmt.Errorf("list volumes: %w", err)
	}
	for _, v := range volumes.Items {
		out = append(out, thing{"volume", v.Name, v.Labels, func(ctx context.Context) error { return e.removeVolume(ctx, v.Name) }})
	}
	return out, nil
}

func (e *engine) clean(ctx context.Context, all bool) (removed []string, err error) {
	things, err := e.things(ctx, labelRun)
	if err != nil {
		return nil, err
	}
	var errs []error
	for _, t := range things {
		if owner, err := agent.ParseOwner(t.labels[labelOwner]); !all && (err != nil || !owner.Dead()) {
			continue
		}
		if err := t.remove(ctx); err != nil {
			errs = append(errs, err)
			continue
		}
		removed = append(removed, t.String())
	}
	return removed, errors.Join(errs...)
}

// cleanImages removes the oldest images, or all of them.
func (e *engine) cleanImages(ctx context.Context, all bool) (removed []string, err error) {
	list, err := e.api.ImageList(ctx, client.ImageListOptions{Filters: client.Filters{}.Add("label", labelImage)})
	if err != nil {
		return nil, fmt.Errorf("list images: %w", err)
	}
	images := list.Items
	slices.SortFunc(images, func(a, b image.Summary) int { return cmp.Compare(b.Created, a.Created) })
	if !all {
		images = images[min(keptImages, len(images)):]
	}
	var errs []error
	for _, i := range images {
		name := i.ID
		if len(i.RepoTags) > 0 {
			name = i.RepoTags[0]
		}
		_, err := e.api.ImageRemove(ctx, name, client.ImageRemoveOptions{Force: all, PruneChildren: true})
		switch {
		case err == nil:
			removed = append(removed, "image "+name)
		case errdefs.IsNotFound(err), errdefs.IsConflict(err) && !all: // a container uses it
		default:
			errs = append(errs, fmt.Errorf("remove image %s: %w", name, err))
		}
	}
	return removed, errors.Join(errs...)
}
