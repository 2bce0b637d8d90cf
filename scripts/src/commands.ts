import { alertsList } from './commands/alerts-list.ts'
import { auditExport, auditList, auditVerify } from './commands/audit.ts'
import { backupCreate, backupList, backupVerify, restore } from './commands/backup.ts'
import { deploy } from './commands/deploy.ts'
import { gate } from './commands/gate.ts'
import { importFiles } from './commands/import.ts'
import { loadImport } from './commands/load-import.ts'
import { loadLine } from './commands/load-line.ts'
import { loadPush } from './commands/load-push.ts'
import { loadRun } from './commands/load-run.ts'
import { migrate } from './commands/migrate.ts'
import { move } from './commands/move.ts'
import { perfCompare } from './commands/perf-compare.ts'
import { perfGate } from './commands/perf-gate.ts'
import { perfPin } from './commands/perf-pin.ts'
import { planApply } from './commands/plan-apply.ts'
import { planCheck } from './commands/plan-check.ts'
import { planDiff } from './commands/plan-diff.ts'
import { planExport } from './commands/plan-export.ts'
import { planShow } from './commands/plan-show.ts'
import { rollback } from './commands/rollback.ts'
import { servicesList } from './commands/services-list.ts'
import { status } from './commands/status.ts'
import { verify } from './commands/verify.ts'
import { tokenCreate, tokenList, tokenRevoke } from './commands/token.ts'
import { vaultSetup } from './commands/vault-setup.ts'
import { version } from './commands/version.ts'
import type { Command } from './cli/command.ts'

/** Every command, in the order help shows them. */
export const commands: readonly Command[] = [
  status,
  servicesList,
  alertsList,
  planCheck,
  planDiff,
  planApply,
  planShow,
  planExport,
  importFiles,
  loadRun,
  loadLine,
  loadImport,
  loadPush,
  perfGate,
  perfCompare,
  perfPin,
  gate,
  verify,
  deploy,
  rollback,
  backupCreate,
  backupList,
  backupVerify,
  restore,
  migrate,
  move,
  tokenCreate,
  tokenList,
  tokenRevoke,
  auditList,
  auditVerify,
  auditExport,
  vaultSetup,
  version
]
