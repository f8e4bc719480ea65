package realapi

import (
	"bytes"
	"context"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"time"

	_ "github.com/projectcalico/api/pkg/apis/projectcalico/v3" // what controller-gen reads
	"k8s.io/apiextensions-apiserver/pkg/apis/apiextensions/v1"
	clientset "k8s.io/apiextensions-apiserver/pkg/client/clientset/clientset"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"sigs.k8s.io/yaml"
)

// Install makes the custom resource definitions of Calico's API module, and waits
// until the server serves them.
func (s *Server) Install(ctx context.Context, dir string) (int, error) {
	list, err := definitions(ctx, dir)
	if err != nil {
		return 0, err
	}
	client, err := clientset.NewForConfig(s.Config)
	if err != nil {
		return 0, err
	}
	for i := range list {
		if _, err := client.ApiextensionsV1().CustomResourceDefinitions().Create(ctx, &list[i], metav1.CreateOptions{}); err != nil {
			return 0, fmt.Errorf("%s: %w", list[i].Name, err)
		}
	}
	for _, d := range list {
		if err := established(ctx, client, d.Name); err != nil {
			return 0, err
		}
	}
	return len(list), nil
}

func established(ctx context.Context, client clientset.Interface, name string) error {
	for deadline := time.Now().Add(time.Minute); time.Now().Before(deadline); time.Sleep(100 * time.Millisecond) {
		d, err := client.ApiextensionsV1().CustomResourceDefinitions().Get(ctx, name, metav1.GetOptions{})
		if err != nil {
			return err
		}
		if slices.ContainsFunc(d.Status.Conditions, func(c v1.CustomResourceDefinitionCondition) bool {
			return c.Type == v1.Established && c.Status == v1.ConditionTrue
		}) {
			return nil
		}
	}
	return fmt.Errorf("%s is not served", name)
}

// definitions runs controller-gen over Calico's API module.
func definitions(ctx context.Context, dir string) ([]v1.CustomResourceDefinition, error) {
	out := filepath.Join(dir, "crds")
	cmd := exec.CommandContext(ctx, "go", "tool", "controller-gen", "crd:allowDangerousTypes=true,crdVersions=v1,maxDescLen=0",
		"paths=github.com/projectcalico/api/pkg/apis/projectcalico/v3", "output:crd:dir="+out)
	var errs bytes.Buffer
	cmd.Stderr = &errs
	if err := cmd.Run(); err != nil {
		return nil, fmt.Errorf("controller-gen: %w\n%s", err, errs.Bytes())
	}
	names, err := filepath.Glob(filepath.Join(out, "*.yaml"))
	if err != nil {
		return nil, err
	}
	var list []v1.CustomResourceDefinition
	for _, name := range names {
		data, err := os.ReadFile(name)
		if err != nil {
			return nil, err
		}
		var d v1.CustomResourceDefinition
		if err := yaml.UnmarshalStrict(data, &d); err != nil {
			return nil, fmt.Errorf("%s: %w", name, err)
		}
		if d.Spec.Names.Plural == "profiles" { // kept by Calico itself, never by users
			continue
		}
		for i := range d.Spec.Versions {
			numberOrText(d.Spec.Versions[i].Schema.OpenAPIV3Schema)
		}
		list = append(list, d)
	}
	return list, nil
}

// numberOrText mends what controller-gen cannot see: ports and protocols are
// structures in Go and numbers or words in objects.
func numberOrText(s *v1.JSONSchemaProps) {
	if s == nil {
		return
	}
	for _, shape := range [][]string{{"numVal", "strVal", "type"}, {"maxPort", "minPort", "portName"}} {
		if len(s.Properties) == len(shape) && !slices.ContainsFunc(shape, func(k string) bool { _, has := s.Properties[k]; return !has }) {
			*s = v1.JSONSchemaProps{XIntOrString: true, AnyOf: []v1.JSONSchemaProps{{Type: "integer"}, {Type: "string"}}}
			return
		}
	}
	for key, p := range s.Properties {
		numberOrText(&p)
		s.Properties[key] = p
	}
	if s.Items != nil {
		numberOrText(s.Items.Schema)
	}
	if s.AdditionalProperties != nil {
		numberOrText(s.AdditionalProperties.Schema)
	}
}
