{{- define "confab.labels" -}}
app.kubernetes.io/name: {{ .name }}
app.kubernetes.io/instance: {{ .root.Release.Name }}
app.kubernetes.io/part-of: confab
{{- end }}

{{- define "confab.image" -}}
{{- $tag := .values.tag | default .root.Values.image.tag | default .root.Chart.AppVersion -}}
{{- with .root.Values.image.registry }}{{ . }}/{{ end }}confab/{{ .name }}:{{ $tag }}
{{- end }}

{{- define "confab.secretVariable" -}}
- name: {{ .name }}
  valueFrom: { secretKeyRef: { name: {{ .secret }}, key: {{ .key }} } }
{{- end }}

{{- define "confab.redisEnv" -}}
{{ include "confab.secretVariable" (dict "name" "REDIS_URL" "secret" .Values.secrets.redis "key" .Values.redis.urlKey) }}
- { name: REDIS_CLUSTER, value: {{ .Values.redis.cluster | quote }} }
- { name: KEY_PREFIX, value: {{ .Values.redis.keyPrefix | quote }} }
- { name: LOG_LEVEL, value: {{ .Values.logLevel | quote }} }
- { name: OTEL_EXPORTER_OTLP_ENDPOINT, value: {{ .Values.otlpEndpoint | quote }} }
{{- end }}

{{- define "confab.mongoEnv" -}}
{{ include "confab.secretVariable" (dict "name" "MONGODB_URL" "secret" .Values.secrets.mongodb "key" .Values.mongodb.urlKey) }}
- { name: MONGODB_DATABASE, value: {{ .Values.mongodb.database | quote }} }
{{- end }}

{{- define "confab.publicEnv" -}}
- { name: CLIENT_URL, value: {{ .Values.clientUrl | quote }} }
- { name: TRUST_PROXY, value: {{ .Values.trustProxy | quote }} }
{{- end }}

{{/* A deployment of one of our services. root, name, port, values, env (text), envFrom (names of secrets) */}}
{{- define "confab.deployment" -}}
apiVersion: apps/v1
kind: Deployment
metadata:
  name: {{ .root.Release.Name }}-{{ .name }}
  labels: {{- include "confab.labels" . | nindent 4 }}
spec:
  {{- if not .root.Values.autoscaling.enabled }}
  replicas: {{ .values.replicas }}
  {{- end }}
  strategy: { type: RollingUpdate, rollingUpdate: { maxSurge: 1, maxUnavailable: 0 } }
  selector:
    matchLabels: {{- include "confab.labels" . | nindent 6 }}
  template:
    metadata:
      labels: {{- include "confab.labels" . | nindent 8 }}
    spec:
      automountServiceAccountToken: false
      terminationGracePeriodSeconds: {{ .root.Values.terminationGracePeriodSeconds }}
      {{- with .root.Values.image.pullSecrets }}
      imagePullSecrets: {{- toYaml . | nindent 8 }}
      {{- end }}
      securityContext: { runAsNonRoot: true, runAsUser: {{ .user }}, runAsGroup: {{ .user }}, seccompProfile: { type: RuntimeDefault } }
      topologySpreadConstraints:
        - maxSkew: 1
          topologyKey: kubernetes.io/hostname
          whenUnsatisfiable: ScheduleAnyway
          labelSelector:
            matchLabels: {{- include "confab.labels" . | nindent 14 }}
      containers:
        - name: {{ .name }}
          image: {{ include "confab.image" . }}
          imagePullPolicy: {{ .root.Values.image.pullPolicy }}
          ports: [{ name: http, containerPort: {{ .port }} }]
          {{- with .envFrom }}
          envFrom:
            {{- range . }}
            - secretRef: { name: {{ . }} }
            {{- end }}
          {{- end }}
          {{- if .env }}
          env:
            - { name: PORT, value: {{ .port | quote }} }
            {{- .env | nindent 12 }}
            {{- range $name, $value := .values.env }}
            - { name: {{ $name }}, value: {{ $value | quote }} }
            {{- end }}
          {{- end }}
          securityContext: { allowPrivilegeEscalation: false, readOnlyRootFilesystem: true, capabilities: { drop: [ALL] } }
          startupProbe: { httpGet: { path: {{ .livePath }}, port: http }, periodSeconds: 1, failureThreshold: 30 }
          livenessProbe: { httpGet: { path: {{ .livePath }}, port: http }, periodSeconds: 10, timeoutSeconds: 3, failureThreshold: 3 }
          readinessProbe: { httpGet: { path: {{ .readyPath }}, port: http }, periodSeconds: 3, timeoutSeconds: 2, failureThreshold: 2 }
          lifecycle:
            # The pod is told to end and taken off the lists at the same time: it serves on until the lists are right.
            preStop: { exec: { command: {{ .preStop | toJson }} } }
          resources: {{- toYaml .values.resources | nindent 12 }}
          {{- if .writable }}
          volumeMounts: [{ name: tmp, mountPath: /tmp }]
      volumes: [{ name: tmp, emptyDir: { medium: Memory, sizeLimit: 16Mi } }]
          {{- end }}
{{- end }}

{{- define "confab.nodeSleep" -}}
{{- list "node" "-e" (printf "setTimeout(() => {}, %d)" (mul (int .Values.preStopSeconds) 1000)) | toJson -}}
{{- end }}
