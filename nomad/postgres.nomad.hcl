# PostgreSQL for those who have none: one instance on one client, on a host volume. Who has a database of his own, kept
# by people who know it, uses that one.
#   nomad job run -hcl2-strict=false -var-file=nomad/vars/production.vars.hcl nomad/postgres.nomad.hcl

variable "image" {
  type        = string
  description = "image of PostgreSQL 15 or later by digest, of the official kind; empty only without containers"
  default     = "docker.io/library/postgres:15-bookworm@sha256:539ceaaae49b3a7c8a04467cf00cc6788d8e3f1675df41860d86eebc4c40524f"
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

variable "bin" {
  type        = string
  description = "directory of PostgreSQL's programs on the client; only without containers"
  default     = "/usr/lib/postgresql/15/bin"
  validation {
    condition     = regex_replace(var.bin, "^(/[A-Za-z0-9._-]+)+$", "") == ""
    error_message = "The path is absolute, without blanks and without a slash at its end."
  }
}

variable "user" {
  type        = string
  description = "user of the client that runs it; only without containers"
  default     = "postgres"
  validation {
    condition     = regex_replace(var.user, "^[a-z_][a-z0-9_-]{0,31}$", "") == ""
    error_message = "The name of a user."
  }
}

variable "data_volume" {
  type        = string
  description = "host volume of the database"
  default     = "plimsoll-postgres"
  validation {
    condition     = regex_replace(var.data_volume, "^[a-z0-9-]{1,63}$", "") == ""
    error_message = "A host volume is named by small letters, digits and dashes."
  }
}

variable "data_path" {
  type        = string
  description = "directory of the database on the client with raw_exec, which mounts no volumes; it belongs to user"
  default     = "/var/lib/plimsoll/postgres"
  validation {
    condition     = regex_replace(var.data_path, "^(/[A-Za-z0-9._-]+)+$", "") == ""
    error_message = "The path is absolute, without blanks and without a slash at its end."
  }
}

variable "port" {
  type        = number
  description = "port of the database"
  default     = 5432
  validation {
    condition     = var.port >= 1 && var.port <= 65535 && floor(var.port) == var.port
    error_message = "A port is a whole number from 1 to 65535."
  }
}

variable "vault_role" {
  type        = string
  description = "role of the JWT login in Vault, the usual one of nomad setup vault; empty: the password is in the Nomad variable nomad/jobs/postgres"
  default     = "nomad-workloads"
  validation {
    condition     = regex_replace(var.vault_role, "^[A-Za-z0-9_-]{1,64}$", "") == ""
    error_message = "A role of Vault is named by letters, digits, dashes and underscores."
  }
}

variable "vault_password_path" {
  type        = string
  description = "secret below secret/data/ with password"
  default     = "default/postgres/settings"
  validation {
    condition     = regex_replace(var.vault_password_path, "^[^/ ?#]+(/[^/ ?#]+)*$", "") == ""
    error_message = "A path of Vault has no slash at its ends."
  }
}

variable "memory_mb" {
  type        = number
  description = "memory that is reserved, MiB; a quarter of it are shared buffers"
  default     = 1024
  validation {
    condition     = var.memory_mb >= 192
    error_message = "At least 192 MiB."
  }
}

locals {
  contained         = var.driver == "docker"
  data_dir          = var.driver == "raw_exec" ? var.data_path : "/data/pgdata"
  password          = "${NOMAD_SECRETS_DIR}/password"
  password_template = var.vault_role == "" ? "{{ with nomadVar \"nomad/jobs/postgres\" }}{{ .password }}{{ end }}" : "{{ with secret \"secret/data/${var.vault_password_path}\" }}{{ .Data.data.password }}{{ end }}"
  options = [
    "-c", "listen_addresses=${local.contained ? "*" : "${NOMAD_IP_db}"}", "-p", "${NOMAD_PORT_db}",
    "-c", "password_encryption=scram-sha-256",
    "-c", "shared_buffers=${floor(var.memory_mb / 4)}MB", "-c", "log_min_duration_statement=1000"
  ]
}

job "postgres" {
  datacenters = var.datacenters
  node_pool   = var.node_pool
  type        = "service"

  # one process on one directory: the old one ends before the new one starts, so there is no canary
  update {
    max_parallel      = 1
    health_check      = "checks"
    min_healthy_time  = "10s"
    healthy_deadline  = "5m"
    progress_deadline = "10m"
  }

  group "postgres" {
    count          = 1
    shutdown_delay = "2s"

    restart {
      attempts = 5
      interval = "10m"
      delay    = "10s"
      mode     = "delay" # its data is here and nowhere else
    }

    disconnect {
      lost_after = "10m"
      replace    = false # a second one on the same data would be the end of it
    }

    network {
      port "db" {
        static = var.port
      }
    }

    dynamic "volume" {
      for_each = var.driver == "raw_exec" ? [] : [var.data_volume]
      labels   = ["data"]
      content {
        type      = "host"
        source    = volume.value
        read_only = false
      }
    }

    service {
      name     = "plimsoll-postgres"
      provider = "consul"
      port     = "db"

      # it is not restarted for being slow to recover: that would begin the recovery anew
      check {
        name     = "ready"
        type     = "tcp"
        interval = "5s"
        timeout  = "2s"
      }
    }

    # Without an image nobody makes the cluster: done once, then left alone.
    dynamic "task" {
      for_each = local.contained ? [] : ["init"]
      labels   = [task.value]
      content {
        driver       = var.driver
        user         = var.user
        kill_timeout = "5s"

        lifecycle {
          hook = "prestart"
        }

        config {
          command = "/bin/sh"
          args = ["-euc", join(" ", [
            "test -s '${local.data_dir}/PG_VERSION' ||",
            "'${var.bin}/initdb' --pgdata='${local.data_dir}' --username=plimsoll --pwfile=\"$NOMAD_SECRETS_DIR/password\"",
            "--auth=scram-sha-256 --encoding=UTF8 --locale=C.UTF-8 --data-checksums;",
            "grep -q '^host all all samenet' '${local.data_dir}/pg_hba.conf' ||",
            "printf 'host all all samenet scram-sha-256\\n' >>'${local.data_dir}/pg_hba.conf'"
          ])]
        }

        dynamic "vault" {
          for_each = var.vault_role == "" ? [] : [var.vault_role]
          content {
            role        = vault.value
            env         = false
            change_mode = "noop"
          }
        }

        template {
          destination = local.password
          change_mode = "noop"
          perms       = "644" # read by the database's own user; the directory is closed to all others
          data        = local.password_template
        }

        resources {
          cpu    = 100
          memory = 128
        }
      }
    }

    task "postgres" {
      driver      = var.driver
      user        = local.contained ? "" : var.user
      kill_signal = "SIGINT" # fast shutdown: sessions end, what is committed is written
      # a checkpoint of a busy database; above the client's max_kill_timeout of 30 s it would be cut to that
      kill_timeout = "30s"

      dynamic "config" {
        for_each = local.contained ? [1] : []
        content {
          image        = var.image
          args         = local.options
          ports        = ["db"]
          shm_size     = 268435456 # 256 MiB
          security_opt = ["no-new-privileges"]
          pids_limit   = 512
        }
      }

      dynamic "config" {
        for_each = local.contained ? [] : [1]
        content {
          command = "${var.bin}/postgres"
          # Debian's own place for sockets is not everybody's to write; the image keeps its own, which its start needs
          args = concat(["-D", local.data_dir, "-c", "unix_socket_directories=/tmp"], local.options)
        }
      }

      dynamic "volume_mount" {
        for_each = var.driver == "raw_exec" ? [] : [1]
        content {
          volume      = "data"
          destination = "/data"
          read_only   = false
        }
      }

      dynamic "vault" {
        for_each = local.contained && var.vault_role != "" ? [var.vault_role] : []
        content {
          role        = vault.value
          env         = false
          change_mode = "noop"
        }
      }

      dynamic "template" {
        for_each = local.contained ? [1] : []
        content {
          destination = local.password
          change_mode = "noop"
          perms       = "644"
          data        = local.password_template
        }
      }

      env = local.contained ? {
        PGDATA                    = local.data_dir
        POSTGRES_USER             = "plimsoll"
        POSTGRES_DB               = "postgres"
        POSTGRES_PASSWORD_FILE    = local.password
        POSTGRES_INITDB_ARGS      = "--data-checksums --auth-host=scram-sha-256"
        POSTGRES_HOST_AUTH_METHOD = "scram-sha-256"
      } : {}

      resources {
        cpu    = 500
        memory = var.memory_mb
      }

      logs {
        max_files     = 5
        max_file_size = 20
      }
    }
  }
}
