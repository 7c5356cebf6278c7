#!/usr/bin/env bash
# iomesh.sh STATE: on a cluster that up.sh started, lays the ground for IOMesh: the namespace, the custom resource, a
# chart repository on loopback that both helms know, and the admission webhook. A scenario then installs the release
# and starts the stand-in operator.
# shellcheck source-path=SCRIPTDIR source=common.sh
. "$(dirname "$0")/common.sh"
state_use "${1:-}"

kubectl create namespace "$NAMESPACE" --dry-run=client -o yaml | kubectl apply -f - >/dev/null
kubectl apply -f "$HERE/iomesh/crd.yaml" >/dev/null
kubectl wait crd iomeshclusters.iomesh.com --for=condition=Established --timeout=30s >/dev/null
account_known() { kubectl -n "$NAMESPACE" get serviceaccount default >/dev/null 2>&1; }
poll 30 account_known || die "no service account in $NAMESPACE"

# A failure of the webhook is ignored: the operator is restarted between scenarios.
kubectl apply -f - >/dev/null <<Y
apiVersion: admissionregistration.k8s.io/v1
kind: ValidatingWebhookConfiguration
metadata: {name: pawl-e2e}
webhooks:
  - name: gate.pawl-e2e.test
    clientConfig:
      url: https://127.0.0.1:$PORT_ADMISSION/
      caBundle: $(base64 -w0 <"$STATE/pki/ca.crt")
    rules:
      - {apiGroups: [apps], apiVersions: [v1], resources: [statefulsets], operations: [UPDATE], scope: Namespaced}
      - {apiGroups: [""], apiVersions: [v1], resources: [secrets], operations: [UPDATE], scope: Namespaced}
    failurePolicy: Ignore
    sideEffects: None
    admissionReviewVersions: [v1]
    timeoutSeconds: 30
    namespaceSelector: {matchLabels: {pawl-e2e: watched}}
Y
kubectl label namespace "$NAMESPACE" pawl-e2e=watched --overwrite >/dev/null

bash "$HERE/chart.sh" "$STATE" pawl-e2e/iomesh:1
process_start repository python3 -m http.server "$PORT_REPOSITORY" --bind 127.0.0.1 --directory "$STATE/repository"
repository_ready() { curl -fs "http://127.0.0.1:$PORT_REPOSITORY/index.yaml" >/dev/null; }
poll 20 repository_ready || die "the chart repository does not answer"
"$HELM3" repo add iomesh "http://127.0.0.1:$PORT_REPOSITORY" >/dev/null
