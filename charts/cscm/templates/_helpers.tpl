{{- define "cscm.fullname" -}}
{{- if .Values.fullnameOverride -}}
{{- .Values.fullnameOverride | trunc 50 | trimSuffix "-" -}}
{{- else -}}
{{- $name := default .Chart.Name .Values.nameOverride -}}
{{- if contains $name .Release.Name -}}
{{- .Release.Name | trunc 50 | trimSuffix "-" -}}
{{- else -}}
{{- printf "%s-%s" .Release.Name $name | trunc 50 | trimSuffix "-" -}}
{{- end -}}
{{- end -}}
{{- end -}}

{{- define "cscm.selector" -}}
app.kubernetes.io/name: {{ .Chart.Name }}
app.kubernetes.io/instance: {{ .Release.Name }}
{{- end -}}

{{- define "cscm.labels" -}}
{{ include "cscm.selector" . }}
app.kubernetes.io/version: {{ .Chart.AppVersion | quote }}
app.kubernetes.io/managed-by: {{ .Release.Service }}
helm.sh/chart: {{ printf "%s-%s" .Chart.Name .Chart.Version | replace "+" "_" }}
{{- end -}}

{{- define "cscm.serviceAccount.controller" -}}
{{- default (printf "%s-controller" (include "cscm.fullname" .)) .Values.serviceAccounts.controller -}}
{{- end -}}

{{- define "cscm.serviceAccount.node" -}}
{{- default (printf "%s-node" (include "cscm.fullname" .)) .Values.serviceAccounts.node -}}
{{- end -}}

{{- /* One of CSCM's images: (list $ "controller") */ -}}
{{- define "cscm.image" -}}
{{- $values := (index . 0).Values -}}
{{- $tag := default (index . 0).Chart.AppVersion $values.images.tag -}}
image: {{ printf "%s/%s:%s" $values.images.registry (index $values.images (index . 1)).repository $tag }}
imagePullPolicy: {{ $values.images.pullPolicy }}
{{- end -}}

{{- /* One of the sidecars' images: (list $ "provisioner") */ -}}
{{- define "cscm.sidecarImage" -}}
{{- $images := (index . 0).Values.sidecarImages -}}
{{- $image := index $images (index . 1) -}}
image: {{ printf "%s/%s:%s" $images.registry $image.repository $image.tag }}
imagePullPolicy: {{ $images.pullPolicy }}
{{- end -}}

{{- /* For every container that needs no privilege: all but the driver on the nodes. */ -}}
{{- define "cscm.confined" -}}
securityContext:
  allowPrivilegeEscalation: false
  readOnlyRootFilesystem: true
  capabilities: {drop: [ALL]}
{{- end -}}

{{- /* "true" if snapshots are wanted and can be had, else nothing. */ -}}
{{- define "cscm.snapshots" -}}
{{- if eq .Values.snapshots.enabled "always" -}}
true
{{- else if and (eq .Values.snapshots.enabled "auto") (.Capabilities.APIVersions.Has "snapshot.storage.k8s.io/v1") -}}
true
{{- end -}}
{{- end -}}

{{- /* The same for snapshots of several volumes at one moment. */ -}}
{{- define "cscm.groupSnapshots" -}}
{{- if include "cscm.snapshots" . -}}
{{- if eq .Values.groupSnapshots.enabled "always" -}}
true
{{- else if and (eq .Values.groupSnapshots.enabled "auto") (.Capabilities.APIVersions.Has "groupsnapshot.storage.k8s.io/v1") -}}
true
{{- end -}}
{{- end -}}
{{- end -}}

{{- /* The names of the pools that some node has, with a comma on both sides of each. */ -}}
{{- define "cscm.poolNames" -}}
{{- range $group := list .Values.scmNodes .Values.otherNodes -}}
{{- if $group.enabled -}}
{{- range $group.pools -}},{{ .name }},{{- end -}}
{{- end -}}
{{- end -}}
{{- end -}}

{{- /* A pool as the node's flag takes it. */ -}}
{{- define "cscm.pool" -}}
name={{ .name }},kind={{ .kind }},size={{ .size }}
{{- range $key := list "path" "fileSystem" "stripes" "eraseRate" "numaNode" "hugePages" "default" -}}
{{- if hasKey $ $key -}},{{ $key }}={{ index $ $key }}{{- end -}}
{{- end -}}
{{- with .source -}},source={{ join "+" . }}{{- end -}}
{{- end -}}

{{- /* Binds a role to a service account: (list $ kind role name account namespace) */ -}}
{{- define "cscm.binding" -}}
{{- $root := index . 0 -}}
{{- $fullname := include "cscm.fullname" $root -}}
apiVersion: rbac.authorization.k8s.io/v1
kind: {{ index . 1 }}Binding
metadata:
  name: {{ $fullname }}-{{ index . 3 }}
  {{- with index . 5 }}
  namespace: {{ . }}
  {{- end }}
  labels:
    {{- include "cscm.labels" $root | nindent 4 }}
roleRef:
  apiGroup: rbac.authorization.k8s.io
  kind: {{ index . 1 }}
  name: {{ $fullname }}-{{ index . 2 }}
subjects:
  - kind: ServiceAccount
    name: {{ index . 4 }}
    namespace: {{ $root.Release.Namespace }}
{{- end -}}
