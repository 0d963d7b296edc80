# One node of HashiCorp Vault that keeps its data: for docker-compose.yml. OpenBao reads it as well.
ui           = false
api_addr     = "https://vault:8200"
cluster_addr = "https://vault:8201"
# Raft storage wants an answer here. Pages that are locked would need a capability more; turn swap off instead.
disable_mlock = true

storage "raft" {
  path    = "/vault/file"
  node_id = "vault-1"
}

listener "tcp" {
  address         = "0.0.0.0:8200"
  cluster_address = "0.0.0.0:8201"
  tls_cert_file   = "/certificates/vault/tls.crt"
  tls_key_file    = "/certificates/vault/tls.key"
}
