import { type KeyReference, KeyTransfer, type Partition, type WrappedKey } from '../partitions/index.ts'

/**
 * The partition of a tenant that is being moved: keys that are not moved yet are used where they are, all that is new is made in the
 * target and sealed by it. What needs two keys at once has them brought together in the target.
 */
export function movingPartition(source: Partition, target: Partition): Partition {
  const transfer = new KeyTransfer(source, target)
  const owner = ({ key }: KeyReference) => (isOfSoftware(key) ? source : target)
  const brought = async (reference: KeyReference): Promise<KeyReference> =>
    isOfSoftware(reference.key) ? { handle: `${reference.handle}/moved`, key: await transfer.bring(reference.key) } : reference
  return {
    ...residentsOf(target),
    name: target.name,
    kind: target.kind,
    describe: () => target.describe(),
    generateKey: (...values) => target.generateKey(...values),
    generateKeyPair: (...values) => target.generateKeyPair(...values),
    deriveKey: async (base, ...values) => target.deriveKey(await brought(base), ...values),
    importKey: (...values) => target.importKey(...values),
    reveal: (key) => owner(key).reveal(key),
    encrypt: (key, ...values) => owner(key).encrypt(key, ...values),
    decrypt: (key, ...values) => owner(key).decrypt(key, ...values),
    sign: (key, ...values) => owner(key).sign(key, ...values),
    verify: (key, ...values) => owner(key).verify(key, ...values),
    mac: (key, ...values) => owner(key).mac(key, ...values),
    verifyMac: (key, ...values) => owner(key).verifyMac(key, ...values),
    wrapKey: async (key, wrapping, mechanism) => {
      if (owner(key) === owner(wrapping)) return await owner(key).wrapKey(key, wrapping, mechanism)
      return await target.wrapKey(await brought(key), await brought(wrapping), mechanism)
    },
    unwrapKey: async (wrapped, wrapping, ...values) => target.unwrapKey(wrapped, await brought(wrapping), ...values),
    rewrap: (key) => (isOfSoftware(key) ? transfer.bring(key) : target.rewrap(key)),
    hash: (...values) => target.hash(...values),
    random: (length) => target.random(length),
    digest: (key, hash) => owner(key).digest(key, hash),
    sealRecord: (record) => target.sealRecord(record),
    checkRecord: async (record, seal) => (await target.checkRecord(record, seal)) || (await source.checkRecord(record, seal)),
    forget: (handle) => {
      source.forget(handle)
      target.forget(handle)
    },
    // Both are others' too.
    close: async () => {},
  }
}

/** Keys that stay inside are the target's alone. */
function residentsOf(target: Partition): Partial<Partition> {
  const { generateResident, generateResidentPair, residents, destroyResident } = target
  return {
    ...(generateResident && { generateResident: (...values) => generateResident.apply(target, values) }),
    ...(generateResidentPair && { generateResidentPair: (...values) => generateResidentPair.apply(target, values) }),
    ...(residents && { residents: () => residents.apply(target) }),
    ...(destroyResident && { destroyResident: (name) => destroyResident.apply(target, [name]) }),
  }
}

/** Wrap mechanisms of software partitions and of tokens have names of their own. */
export function isOfSoftware({ mechanism }: Pick<WrappedKey, 'mechanism'>): boolean {
  return mechanism.startsWith('AES-KEY-WRAP-PAD')
}
