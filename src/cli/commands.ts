import type { Command } from './command.ts'
import { clientCreate } from './commands/client.ts'
import { clusterBackup, clusterEvict, clusterInit, clusterInvite, clusterJoin, clusterRestore, clusterStatus } from './commands/cluster.ts'
import { conformance } from './commands/conformance.ts'
import { demo } from './commands/demo.ts'
import { init } from './commands/init.ts'
import { partitionExportKek, partitionImportKek, partitionRequestKek } from './commands/kek.ts'
import { keyList, keyShow } from './commands/key.ts'
import { keyGiveUp } from './commands/key-give-up.ts'
import { reload, status } from './commands/node.ts'
import { partitionAdd, partitionList, partitionRemove, partitionShow } from './commands/partition.ts'
import { partitionMigrate } from './commands/partition-migrate.ts'
import { partitionTurnEpoch } from './commands/partition-turn.ts'
import { rootChange } from './commands/root.ts'
import { ruleAdd, ruleList, ruleRemove } from './commands/rule.ts'
import { serve } from './commands/serve.ts'
import { start } from './commands/start.ts'
import {
  tenantAdd,
  tenantDismiss,
  tenantEnroll,
  tenantList,
  tenantPassword,
  tenantRemove,
  tenantSet,
  tenantShow,
} from './commands/tenant.ts'

/** Every command, in the order of the overview. A new one is a file in commands/ and a line here. */
export const commands: readonly Command[] = [
  start,
  demo,
  init,
  serve,
  status,
  reload,
  tenantAdd,
  tenantList,
  tenantSet,
  tenantShow,
  tenantRemove,
  tenantEnroll,
  tenantDismiss,
  tenantPassword,
  ruleAdd,
  ruleList,
  ruleRemove,
  partitionAdd,
  partitionList,
  partitionShow,
  partitionTurnEpoch,
  partitionMigrate,
  partitionRequestKek,
  partitionExportKek,
  partitionImportKek,
  partitionRemove,
  rootChange,
  clusterInit,
  clusterInvite,
  clusterJoin,
  clusterStatus,
  clusterEvict,
  clusterBackup,
  clusterRestore,
  keyList,
  keyShow,
  keyGiveUp,
  clientCreate,
  conformance,
]
