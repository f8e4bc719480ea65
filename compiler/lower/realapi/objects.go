package realapi

import (
	"context"
	"encoding/json"
	"fmt"
	"maps"
	"reflect"
	"slices"
	"strconv"

	apierrors "k8s.io/apimachinery/pkg/api/errors"
	"k8s.io/apimachinery/pkg/api/meta"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/apis/meta/v1/unstructured"
	"k8s.io/apimachinery/pkg/runtime/schema"
	"k8s.io/client-go/discovery"
	"k8s.io/client-go/dynamic"
	"k8s.io/client-go/restmapper"
)

// Objects creates, reads and deletes objects of any kind that the server knows.
type Objects struct {
	client dynamic.Interface
	mapper meta.RESTMapper
}

// Objects asks the server for the kinds that it has at this moment.
func (s *Server) Objects() (*Objects, error) {
	client, err := dynamic.NewForConfig(s.Config)
	if err != nil {
		return nil, err
	}
	d, err := discovery.NewDiscoveryClientForConfig(s.Config)
	if err != nil {
		return nil, err
	}
	groups, err := restmapper.GetAPIGroupResources(d)
	if err != nil {
		return nil, err
	}
	return &Objects{client, restmapper.NewDiscoveryRESTMapper(groups)}, nil
}

func (o *Objects) of(u *unstructured.Unstructured) (dynamic.ResourceInterface, error) {
	kind := u.GroupVersionKind()
	m, err := o.mapper.RESTMapping(kind.GroupKind(), kind.Version)
	if err != nil {
		return nil, err
	}
	if m.Scope.Name() == meta.RESTScopeNameNamespace {
		return o.client.Resource(m.Resource).Namespace(u.GetNamespace()), nil
	}
	return o.client.Resource(m.Resource), nil
}

// Create sends an object as `kubectl create` does: a field that the server does
// not know is an error.
func (o *Objects) Create(ctx context.Context, u *unstructured.Unstructured) error {
	r, err := o.of(u)
	if err != nil {
		return err
	}
	_, err = r.Create(ctx, u, metav1.CreateOptions{FieldValidation: metav1.FieldValidationStrict})
	return err
}

// Read returns what the server has kept of an object.
func (o *Objects) Read(ctx context.Context, u *unstructured.Unstructured) (*unstructured.Unstructured, error) {
	r, err := o.of(u)
	if err != nil {
		return nil, err
	}
	return r.Get(ctx, u.GetName(), metav1.GetOptions{})
}

// Delete takes an object away.
func (o *Objects) Delete(ctx context.Context, u *unstructured.Unstructured) error {
	r, err := o.of(u)
	if err != nil {
		return err
	}
	return r.Delete(ctx, u.GetName(), metav1.DeleteOptions{})
}

// Namespace makes sure that there is a namespace.
func (o *Objects) Namespace(ctx context.Context, name string) error {
	u := &unstructured.Unstructured{}
	u.SetGroupVersionKind(schema.GroupVersionKind{Version: "v1", Kind: "Namespace"})
	u.SetName(name)
	if err := o.Create(ctx, u); !apierrors.IsAlreadyExists(err) {
		return err
	}
	return nil
}

// items reads the list that `tortie compile -o json` writes.
func items(list []byte) ([]*unstructured.Unstructured, error) {
	var doc struct{ Items []json.RawMessage }
	if err := json.Unmarshal(list, &doc); err != nil {
		return nil, err
	}
	var out []*unstructured.Unstructured
	for _, data := range doc.Items {
		u := &unstructured.Unstructured{}
		if err := u.UnmarshalJSON(data); err != nil {
			return nil, fmt.Errorf("%w in %s", err, data)
		}
		out = append(out, u)
	}
	return out, nil
}

// difference compares a value that was sent with the one that was kept: in
// differs what was changed or lost, in added what the server put in.
type difference struct {
	differs, added []string
}

func (d *difference) compare(at string, sent, kept any) {
	switch s := sent.(type) {
	case map[string]any:
		k, ok := kept.(map[string]any)
		if !ok {
			break
		}
		for _, key := range slices.Sorted(maps.Keys(s)) {
			d.compare(at+"."+key, s[key], k[key])
		}
		for _, key := range slices.Sorted(maps.Keys(k)) {
			if _, has := s[key]; !has {
				d.added = append(d.added, fmt.Sprintf("%s.%s: %v", at, key, k[key]))
			}
		}
		return
	case []any:
		k, ok := kept.([]any)
		if !ok || len(k) != len(s) {
			break
		}
		for i := range s {
			d.compare(at+"["+strconv.Itoa(i)+"]", s[i], k[i])
		}
		return
	}
	if !reflect.DeepEqual(sent, kept) {
		d.differs = append(d.differs, fmt.Sprintf("%s: sent %v, kept %v", at, sent, kept))
	}
}
