/** Tenants, who may act in them, and what each may do. */
export { AwaitedSecrets } from './awaited-secrets.ts'
export { clientUri } from './client-uri.ts'
export { authenticate, type Credential, narrowTo, passwordMark } from './credentials.ts'
export { DeliveryBoard } from './delivery-board.ts'
export { EpochSecrets, epochSecretsOf, neededDeliveries } from './epoch-secrets.ts'
export { type TurnDevice, type TurnParts, wrappedKeyOf } from './epoch-turn.ts'
export { GivenUpSecrets } from './given-up-secrets.ts'
export { type Holding, type Holdings, HoldingsBoard } from './holdings.ts'
export { demand, Identities, type Identity, mayDo, type TrustFiles } from './identity.ts'
export { type TenantId, tenantId } from './names.ts'
export { OpenPartitions, type PartitionOpener, type TenantContext, type Wrapping, wrappingOf } from './partitions.ts'
export { Passwords } from './passwords.ts'
export { type Permission, permissions, permissionsOf, type Role, roles } from './permissions.ts'
export { meansDamage, type StuckObject } from './record-walk.ts'
export { Registry, type RegistryParts, type RuleRequest } from './registry.ts'
export { condemnedPlace, ResidentSweep, type ResidentSweepOptions } from './resident-sweep.ts'
export {
  type EpochDelivery,
  type EpochTurn,
  longestFreshness,
  type PartitionDefinition,
  type Pkcs11PartitionDefinition,
  partitionOfNew,
  type Rule,
  type Settings,
  type SettingsView,
  type SoftwarePartitionDefinition,
  type Tenant,
  type TenantMove,
  type TenantPolicy,
  type User,
} from './settings.ts'
export { type MoveParts, runMove } from './tenant-move.ts'
export type { TrustFile } from './trust.ts'
export { type StuckObjects, type TurnProgress, TurnProgressStore } from './turn-progress.ts'
export { type RunOnce, TurnRunner } from './turn-runner.ts'
