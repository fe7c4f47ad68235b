{{- /* What .NET needs to know in a container: no diagnostics socket in /tmp, which is read-only. */ -}}
{{- define "cscm.environment" -}}
- name: DOTNET_EnableDiagnostics
  value: "0"
{{- end -}}

{{- /* The driver's probes, answered by the liveness sidecar. Start-up may finish what a crash left, over many volumes. */ -}}
{{- define "cscm.probes" -}}
startupProbe:
  httpGet: {path: /healthz, port: healthz}
  periodSeconds: 5
  timeoutSeconds: 6
  failureThreshold: 60
livenessProbe:
  httpGet: {path: /healthz, port: healthz}
  periodSeconds: 20
  timeoutSeconds: 6
  failureThreshold: 5
{{- end -}}

{{- /* What the leader-electing sidecars have in common: (list $ port) */ -}}
{{- define "cscm.sidecarRest" -}}
{{- $root := index . 0 -}}
{{- include "cscm.confined" $root }}
ports:
  - {name: http-{{ index . 1 }}, containerPort: {{ index . 1 }}}
livenessProbe:
  httpGet: {path: /healthz/leader-election, port: http-{{ index . 1 }}}
  initialDelaySeconds: 20
  periodSeconds: 20
  timeoutSeconds: 5
  failureThreshold: 3
resources:
  {{- toYaml $root.Values.controller.sidecarResources | nindent 2 }}
volumeMounts:
  - {name: socket, mountPath: /csi}
{{- end -}}
