/** The tresor.yaml of a new data folder: what is usual, as comments to uncomment. */
export function initialConfig(listen: string | undefined): string {
  return `# Tresor's configuration. Every key may be left out; docs/configuration.md explains them all.
# Secrets named here must be readable by their owner alone (chmod 600).

listen:
  kmip: ['${listen ?? '127.0.0.1:5696'}']

# operator:
#   port: 5697           # /healthz, /readyz and /metrics, on loopback

# tls:
#   certificate: server.pem
#   key: server-key.pem
#   clientAuthorities: []
#   crls: []

# log:
#   level: info          # debug writes a line for each request
#   format: human
`
}
