// Renders a Helm chart without Helm, for machines that have none: the part of Helm's behaviour that charts/cscm touches, over the
// same template language and function library (Debian's golang-github-masterminds-sprig-dev). The tests hold its output equal to
// Helm's wherever Helm is found.
//
//	renderer CHART RELEASE NAMESPACE KUBE-VERSION API-VERSIONS VALUES-FILE...
//
// API-VERSIONS are separated by commas and may be empty. Documents go to standard output as Helm writes them, each with its source,
// NOTES.txt among them. Exit code 1 with a reason on standard error: the values do not fit the schema, or a template fails.
package main

import (
	"encoding/json"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"regexp"
	"sort"
	"strings"
	"text/template"

	"github.com/Masterminds/sprig"
	"github.com/xeipuuv/gojsonschema"
	"sigs.k8s.io/yaml"
)

// A line that separates documents.
var separator = regexp.MustCompile(`(?:^|\s*\n)---\s*(?:\n|$)`)

// The API versions of a cluster, as templates ask for them.
type versionSet []string

func (s versionSet) Has(version string) bool {
	for _, known := range s {
		if known == version {
			return true
		}
	}
	return false
}

func main() {
	if len(os.Args) < 6 {
		fail(errors.New("usage: renderer CHART RELEASE NAMESPACE KUBE-VERSION API-VERSIONS VALUES-FILE..."))
	}
	output, err := render(os.Args[1], os.Args[2], os.Args[3], os.Args[4], strings.Split(os.Args[5], ","), os.Args[6:])
	if err != nil {
		fail(err)
	}
	fmt.Print(output)
}

func fail(err error) {
	fmt.Fprintln(os.Stderr, "renderer:", err)
	os.Exit(1)
}

func render(chart, release, namespace, kubeVersion string, apiVersions, valuesFiles []string) (string, error) {
	values := map[string]interface{}{}
	for _, file := range append([]string{filepath.Join(chart, "values.yaml")}, valuesFiles...) {
		layer := map[string]interface{}{}
		if err := readYaml(file, &layer); err != nil {
			return "", err
		}
		values = overlay(values, layer)
	}
	if err := check(filepath.Join(chart, "values.schema.json"), values); err != nil {
		return "", err
	}
	description, err := describe(filepath.Join(chart, "Chart.yaml"))
	if err != nil {
		return "", err
	}
	context := map[string]interface{}{
		"Values":       values,
		"Chart":        description,
		"Release":      map[string]interface{}{"Name": release, "Namespace": namespace, "Service": "Helm", "IsInstall": true, "IsUpgrade": false, "Revision": 1},
		"Capabilities": map[string]interface{}{"APIVersions": versionSet(apiVersions), "KubeVersion": map[string]interface{}{"Version": "v" + kubeVersion}},
	}
	return execute(chart, context)
}

func execute(chart string, context map[string]interface{}) (string, error) {
	set := template.New("chart").Option("missingkey=zero")
	set.Funcs(sprig.TxtFuncMap()).Funcs(template.FuncMap{
		"include": func(name string, data interface{}) (string, error) {
			var text strings.Builder
			err := set.ExecuteTemplate(&text, name, data)
			return text.String(), err
		},
		"toYaml": func(value interface{}) string {
			text, err := yaml.Marshal(value)
			if err != nil {
				return ""
			}
			return strings.TrimSuffix(string(text), "\n")
		},
		"required": func(message string, value interface{}) (interface{}, error) {
			if value == nil || value == "" {
				return nil, errors.New(message)
			}
			return value, nil
		},
		"fail":   func(message string) (string, error) { return "", errors.New(message) },
		"lookup": func(version, kind, namespace, name string) map[string]interface{} { return map[string]interface{}{} },
	})
	names, err := parse(set, filepath.Join(chart, "templates"), description(context))
	if err != nil {
		return "", err
	}
	var output strings.Builder
	for _, name := range names {
		if strings.HasPrefix(filepath.Base(name), "_") {
			continue
		}
		var text strings.Builder
		if err := set.ExecuteTemplate(&text, name, context); err != nil {
			return "", err
		}
		for _, document := range separator.Split(strings.ReplaceAll(text.String(), "<no value>", ""), -1) {
			if strings.TrimSpace(document) != "" {
				fmt.Fprintf(&output, "---\n# Source: %s\n%s\n", name, strings.TrimSpace(document))
			}
		}
	}
	return output.String(), nil
}

// Parses all templates and returns their names, sorted.
func parse(set *template.Template, directory, chartName string) ([]string, error) {
	var names []string
	err := filepath.Walk(directory, func(path string, info os.FileInfo, err error) error {
		if err != nil || info.IsDir() {
			return err
		}
		text, err := os.ReadFile(path)
		if err != nil {
			return err
		}
		relative, err := filepath.Rel(directory, path)
		if err != nil {
			return err
		}
		name := chartName + "/templates/" + relative
		names = append(names, name)
		_, err = set.New(name).Parse(string(text))
		return err
	})
	sort.Strings(names)
	return names, err
}

func description(context map[string]interface{}) string {
	return context["Chart"].(map[string]interface{})["Name"].(string)
}

// Chart.yaml as templates see it, with names as Go has them.
func describe(file string) (map[string]interface{}, error) {
	fields := map[string]interface{}{}
	if err := readYaml(file, &fields); err != nil {
		return nil, err
	}
	seen := map[string]interface{}{}
	for key, value := range fields {
		seen[strings.ToUpper(key[:1])+key[1:]] = value
	}
	return seen, nil
}

// Numbers keep their text: a float would print large ones with an exponent.
func readYaml(file string, into interface{}) error {
	text, err := os.ReadFile(file)
	if err != nil {
		return err
	}
	if err := yaml.Unmarshal(text, into, func(decoder *json.Decoder) *json.Decoder { decoder.UseNumber(); return decoder }); err != nil {
		return fmt.Errorf("%s: %w", file, err)
	}
	return nil
}

// Maps merge, everything else is replaced, and null removes.
func overlay(below, above map[string]interface{}) map[string]interface{} {
	merged := map[string]interface{}{}
	for key, value := range below {
		merged[key] = value
	}
	for key, value := range above {
		lower, isBelow := merged[key].(map[string]interface{})
		upper, isAbove := value.(map[string]interface{})
		switch {
		case isBelow && isAbove:
			merged[key] = overlay(lower, upper)
		case value == nil && merged[key] != nil:
			delete(merged, key)
		default:
			merged[key] = value
		}
	}
	return merged
}

func check(schemaFile string, values map[string]interface{}) error {
	schema, err := os.ReadFile(schemaFile)
	if err != nil {
		return err
	}
	result, err := gojsonschema.Validate(gojsonschema.NewBytesLoader(schema), gojsonschema.NewGoLoader(values))
	if err != nil {
		return fmt.Errorf("%s: %w", schemaFile, err)
	}
	if result.Valid() {
		return nil
	}
	var problems []string
	for _, problem := range result.Errors() {
		problems = append(problems, problem.String())
	}
	return fmt.Errorf("values do not meet the schema: %s", strings.Join(problems, "; "))
}
