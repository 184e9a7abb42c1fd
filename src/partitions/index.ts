export { type DeliveryKey, deliver, newDeliveryKey, receive } from './delivery-key.ts'
export { connectHsm, type HsmConnection } from './hsm/connect.ts'
export { type HsmServer, serveHsm } from './hsm/serve.ts'
export { createKeyFile, credentialName, readKeyFile, readPrivateFile } from './key-file.ts'
export { KeyTransfer } from './key-transfer.ts'
export type { CacheLimits } from './lru.ts'
export type * from './partition.ts'
export { type CarriedKeys, exportKek, importKek, type KekRequest, requestFingerprint, requestKek } from './pkcs11/kek-ceremony.ts'
export { type InitTokenOptions, initToken, listTokens, type TokenInfo } from './pkcs11/module.ts'
export { createPkcs11Partition, type Pkcs11PartitionOptions } from './pkcs11/pkcs11-partition.ts'
export { RefusedPins, typedPin } from './pkcs11/refused-pins.ts'
export { openPkcs11Partition, ReopeningPartition } from './pkcs11/reopening-partition.ts'
export type { TokenOptions } from './pkcs11/token.ts'
export type { Carrying } from './pkcs11/token-keks.ts'
export { mayBeCarried } from './pkcs11/token-protection.ts'
export {
  type AskPassphrase,
  createRoot,
  describeRoot,
  hasRoot,
  type RootSource,
  readRoot,
  rootFingerprint,
} from './root/root-source.ts'
export { parseSealedRoot, readSealedRoot, sealedRootText, writeSealedRoot } from './root/sealed-file.ts'
export { epochSecretId, epochSecretLength, newEpochSecret } from './software/epoch-secret.ts'
export { type EpochSecretFile, EpochSecretFiles } from './software/epoch-secret-files.ts'
export type { EpochSecretOf } from './software/key-ring.ts'
export { createSoftwarePartition, openSoftwarePartition, type SoftwarePartitionOptions } from './software/software-partition.ts'
export { addEpoch, changeRoot, dropEpochs, needsEpochSecrets, ringSecrets } from './software/turned-ring.ts'
