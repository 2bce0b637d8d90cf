# Brings the schema of the store to that of an image, and ends. Run before the API that needs it:
#   nomad job run -hcl2-strict=false -var-file=nomad/vars/production.vars.hcl -var image=… nomad/migrate.nomad.hcl
# The API migrates at its start too; this says beforehand whether it will, while the old version goes on serving.

variable "image" {
  type        = string
  description = "image of api/Dockerfile by digest, the one that is going to run; empty only without containers"
  default     = ""
  validation {
    condition     = regex_replace(var.image, "^[a-z0-9][A-Za-z0-9._:/-]*@sha256:[0-9a-f]{64}$", "") == ""
    error_message = "An image is named by its digest: registry/plimsoll-api@sha256:<64 hex digits>."
  }
}

variable "driver" {
  type        = string
  description = "docker in production; raw_exec or exec on machines without containers, from a checkout"
  default     = "docker"
  validation {
    condition     = contains(["docker", "exec", "raw_exec"], var.driver)
    error_message = "The driver is docker, exec or raw_exec."
  }
}

variable "checkout" {
  type        = string
  description = "absolute path of an installed checkout on every client; only without containers"
  default     = ""
  validation {
    condition     = regex_replace(var.checkout, "^(/[A-Za-z0-9._-]+)+$", "") == ""
    error_message = "The checkout is an absolute path without blanks and without a slash at its end."
  }
}

variable "node" {
  type        = string
  description = "absolute path of Node 24 on every client; only without containers; empty: the one the checkout brings"
  default     = ""
  validation {
    condition     = regex_replace(var.node, "^(/[A-Za-z0-9._-]+)+$", "") == ""
    error_message = "Node is named by an absolute path."
  }
}

variable "datacenters" {
  type        = list(string)
  description = "where it may run; a star is any"
  default     = ["*"]
  validation {
    condition     = length(var.datacenters) > 0
    error_message = "Name at least one data center."
  }
}

variable "node_pool" {
  type        = string
  description = "pool of the clients it runs on"
  default     = "default"
  validation {
    condition     = var.node_pool != "" && regex_replace(var.node_pool, "^[A-Za-z0-9_-]{1,128}$", "") == ""
    error_message = "A node pool is named by letters, digits, dashes and underscores."
  }
}

variable "vault_role" {
  type        = string
  description = "role of the JWT login in Vault, see vault/; empty: no Vault, the secrets are set otherwise"
  default     = "plimsoll-migrate"
  validation {
    condition     = regex_replace(var.vault_role, "^[A-Za-z0-9_-]{1,64}$", "") == ""
    error_message = "A role of Vault is named by letters, digits, dashes and underscores."
  }
}

variable "vault_address" {
  type        = string
  description = "address of Vault or OpenBao, with which vault_role goes"
  default     = "https://vault.service.consul:8200"
  validation {
    condition     = regex_replace(var.vault_address, "^https?://[^/ ?#@]+$", "") == ""
    error_message = "The address of Vault is https://HOST:PORT."
  }
}

variable "vault_ca" {
  type        = string
  description = "certificates of the authority that Vault is trusted by, PEM; empty: those of the image or the machine"
  default     = ""
  validation {
    condition     = var.vault_ca == "" || substr(trimspace(var.vault_ca), 0, 27) == "-----BEGIN CERTIFICATE-----"
    error_message = "The authority is given as PEM: -----BEGIN CERTIFICATE----- and so on."
  }
}

variable "vault_kv_path" {
  type        = string
  description = "secret below secret/ whose keys are the secret settings"
  default     = "default/plimsoll-api/settings"
  validation {
    condition     = regex_replace(var.vault_kv_path, "^[^/ ?#]+(/[^/ ?#]+)*$", "") == ""
    error_message = "A path of Vault has no slash at its ends."
  }
}

locals {
  contained = var.driver == "docker"
  node      = var.node != "" ? var.node : "${var.checkout}/node_modules/.bin/node"
}

job "migrate" {
  datacenters = var.datacenters
  node_pool   = var.node_pool
  type        = "batch"

  meta {
    image = var.image # a job that changed runs again
  }

  group "migrate" {
    # one try more, for a database that was just starting: a migration that fails does so every time
    restart {
      attempts = 1
      interval = "10m"
      delay    = "15s"
      mode     = "fail"
    }

    reschedule {
      attempts  = 0
      unlimited = false
    }

    task "migrate" {
      driver = var.driver
      # a migration is one transaction: killed, it has not happened
      kill_timeout = "25s"

      dynamic "config" {
        for_each = local.contained ? [1] : []
        content {
          image           = var.image
          args            = ["/app/scripts/src/main.ts", "migrate"]
          readonly_rootfs = true
          cap_drop        = ["all"]
          security_opt    = ["no-new-privileges"]
          pids_limit      = 256
        }
      }

      dynamic "config" {
        for_each = local.contained ? [] : [1]
        content {
          command = local.node
          args    = ["${var.checkout}/scripts/src/main.ts", "migrate"]
        }
      }

      # The program reads DATABASE_URL from Vault by itself.
      dynamic "vault" {
        for_each = var.vault_role == "" ? [] : [var.vault_role]
        content {
          role        = vault.value
          env         = false
          change_mode = "noop"
        }
      }

      dynamic "template" {
        for_each = var.vault_ca == "" ? [] : [var.vault_ca]
        content {
          destination = "${NOMAD_TASK_DIR}/vault-ca.pem"
          change_mode = "noop"
          data        = template.value
        }
      }

      env = merge({
        DATA_DIR = "${NOMAD_ALLOC_DIR}/data"
        }, var.vault_role == "" ? {} : {
        VAULT_ADDR    = var.vault_address
        VAULT_CACERT  = var.vault_ca == "" ? "" : "${NOMAD_TASK_DIR}/vault-ca.pem"
        VAULT_KV_PATH = var.vault_kv_path
      })

      resources {
        cpu    = 200
        memory = 256
      }
    }
  }
}
