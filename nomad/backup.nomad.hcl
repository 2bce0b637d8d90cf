# A copy of the store every night, checked before it counts.
#   nomad job run -hcl2-strict=false -var-file=nomad/vars/production.vars.hcl -var image=… nomad/backup.nomad.hcl
#   nomad job periodic force backup            # one now
# store = sqlite: by Plimsoll itself, on the client of its data. store = postgres: by pg_dump.

variable "image" {
  type        = string
  description = "image of api/Dockerfile with store = sqlite, of PostgreSQL with store = postgres, by digest; empty only without containers"
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

variable "store" {
  type        = string
  description = "what is copied: sqlite or postgres"
  default     = "postgres"
  validation {
    condition     = contains(["sqlite", "postgres"], var.store)
    error_message = "The store is sqlite or postgres."
  }
}

variable "cron" {
  type        = string
  description = "when, UTC, as crontab says it"
  default     = "17 3 * * *"
  validation {
    condition     = length(split(" ", var.cron)) == 5
    error_message = "Five fields: minute, hour, day, month, day of the week."
  }
}

variable "keep" {
  type        = number
  description = "copies that are kept"
  default     = 14
  validation {
    condition     = var.keep >= 1 && var.keep <= 10000 && floor(var.keep) == var.keep
    error_message = "Between 1 and 10000 copies."
  }
}

variable "data_volume" {
  type        = string
  description = "host volume of DATA_DIR (identity of the instance, SQLite, backups); empty: lost with the allocation"
  default     = "plimsoll-data"
  validation {
    condition     = regex_replace(var.data_volume, "^[a-z0-9-]{1,63}$", "") == ""
    error_message = "A host volume is named by small letters, digits and dashes."
  }
}

variable "data_path" {
  type        = string
  description = "DATA_DIR of the API on the client with raw_exec"
  default     = "/var/lib/plimsoll/data"
  validation {
    condition     = regex_replace(var.data_path, "^(/[A-Za-z0-9._-]+)+$", "") == ""
    error_message = "The path is absolute, without blanks and without a slash at its end."
  }
}

variable "backup_volume" {
  type        = string
  description = "host volume of the copies"
  default     = "plimsoll-backups"
  validation {
    condition     = regex_replace(var.backup_volume, "^[a-z0-9-]{1,63}$", "") == ""
    error_message = "A host volume is named by small letters, digits and dashes."
  }
}

variable "backup_path" {
  type        = string
  description = "directory of the copies on the client with raw_exec"
  default     = "/var/lib/plimsoll/backups"
  validation {
    condition     = regex_replace(var.backup_path, "^(/[A-Za-z0-9._-]+)+$", "") == ""
    error_message = "The path is absolute, without blanks and without a slash at its end."
  }
}

variable "bin" {
  type        = string
  description = "directory of PostgreSQL's programs on the client; only without containers"
  default     = "/usr/lib/postgresql/15/bin"
  validation {
    condition     = regex_replace(var.bin, "^(/[A-Za-z0-9._-]+)+$", "") == ""
    error_message = "The path is absolute, without blanks and without a slash at its end."
  }
}

variable "vault_role" {
  type        = string
  description = "role of the JWT login in Vault, see vault/; empty: the Nomad variable nomad/jobs/backup"
  default     = "plimsoll-backup"
  validation {
    condition     = regex_replace(var.vault_role, "^[A-Za-z0-9_-]{1,64}$", "") == ""
    error_message = "A role of Vault is named by letters, digits, dashes and underscores."
  }
}

variable "vault_database_path" {
  type        = string
  description = "secret below secret/data/ with host, port, user, password and database; only with store = postgres"
  default     = "default/backup/database"
  validation {
    condition     = regex_replace(var.vault_database_path, "^[^/ ?#]+(/[^/ ?#]+)*$", "") == ""
    error_message = "A path of Vault has no slash at its ends."
  }
}

locals {
  contained = var.driver == "docker"
  is_sqlite = var.store == "sqlite"
  node      = var.node != "" ? var.node : "${var.checkout}/node_modules/.bin/node"
  main      = local.contained ? "/app/scripts/src/main.ts" : "${var.checkout}/scripts/src/main.ts"
  data_dir  = var.driver == "raw_exec" ? var.data_path : "/data"
  target    = var.driver == "raw_exec" ? var.backup_path : "/backups"
  pg_dump   = local.contained ? "pg_dump" : "${var.bin}/pg_dump"
  # dumped under a name that does not count, read through once, renamed, and only then are old ones removed
  dump = join(" ", [
    "cd '${local.target}';",
    "name=plimsoll-$(date -u +%Y%m%dT%H%M%SZ).dump;",
    "'${local.pg_dump}' --format=custom --no-password --file=\"$name.part\" service=plimsoll;",
    "'${replace(local.pg_dump, "pg_dump", "pg_restore")}' --file=/dev/null \"$name.part\";",
    "mv \"$name.part\" \"$name\";",
    "ls -1 plimsoll-*.dump | sort -r | tail -n +${var.keep + 1} | xargs -r rm -f --"
  ])
  secret = var.vault_role == "" ? "with nomadVar \"nomad/jobs/backup\"" : "with secret \"secret/data/${var.vault_database_path}\""
  field  = var.vault_role == "" ? "." : ".Data.data."
  volumes = { for name, source in {
    data    = local.is_sqlite ? var.data_volume : ""
    backups = var.backup_volume
  } : name => source if source != "" && var.driver != "raw_exec" }
}

job "backup" {
  datacenters = var.datacenters
  node_pool   = var.node_pool
  type        = "batch"

  periodic {
    crons            = [var.cron]
    prohibit_overlap = true
    time_zone        = "UTC"
  }

  group "backup" {
    restart {
      attempts = 3
      interval = "1h"
      delay    = "5m"
      mode     = "fail"
    }

    dynamic "volume" {
      for_each = local.volumes
      labels   = [volume.key]
      content {
        type      = "host"
        source    = volume.value
        read_only = false # SQLite's copy takes part in its locks
      }
    }

    task "backup" {
      driver       = var.driver
      user         = local.contained ? "65532" : "" # whom the volume of the copies belongs to
      kill_timeout = "10s"                          # a copy that was not finished has no name and does not count

      dynamic "config" {
        for_each = local.contained ? [1] : []
        content {
          image           = var.image
          entrypoint      = local.is_sqlite ? ["/usr/local/bin/node"] : ["/bin/sh"]
          args            = local.is_sqlite ? [local.main, "backup", "create"] : ["-euc", local.dump]
          readonly_rootfs = true
          cap_drop        = ["all"]
          security_opt    = ["no-new-privileges"]
          pids_limit      = 64
        }
      }

      dynamic "config" {
        for_each = local.contained ? [] : [1]
        content {
          command = local.is_sqlite ? local.node : "/bin/sh"
          args    = local.is_sqlite ? [local.main, "backup", "create"] : ["-euc", local.dump]
        }
      }

      dynamic "volume_mount" {
        for_each = local.volumes
        content {
          volume      = volume_mount.key
          destination = "/${volume_mount.key}"
          read_only   = false
        }
      }

      dynamic "vault" {
        for_each = local.is_sqlite || var.vault_role == "" ? [] : [var.vault_role]
        content {
          role        = vault.value
          env         = false
          change_mode = "noop"
        }
      }

      # A service file of libpq: what it says never stands in an argument or in the environment.
      dynamic "template" {
        for_each = local.is_sqlite ? [] : [1]
        content {
          destination = "${NOMAD_SECRETS_DIR}/pg_service.conf"
          change_mode = "noop"
          perms       = "644" # read by that user; the directory is closed to all others
          data        = <<-EOT
            {{ ${local.secret} }}
            [plimsoll]
            host={{ ${local.field}host }}
            port={{ ${local.field}port }}
            user={{ ${local.field}user }}
            password={{ ${local.field}password }}
            dbname={{ ${local.field}database }}
            {{ end }}
          EOT
        }
      }

      env = local.is_sqlite ? {
        DATA_DIR    = local.data_dir
        BACKUP_DIR  = local.target
        BACKUP_KEEP = "${var.keep}"
        } : {
        PGSERVICEFILE = "${NOMAD_SECRETS_DIR}/pg_service.conf"
      }

      resources {
        cpu    = 200
        memory = 256
      }
    }
  }
}
