export { createKeyFile, readKeyFile, readPrivateFile } from './key-file.ts'
export type { CacheLimits } from './lru.ts'
export type * from './partition.ts'
export { createSoftwarePartition, openSoftwarePartition, type SoftwarePartitionOptions } from './software/software-partition.ts'
