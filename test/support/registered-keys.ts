import type { AttributeInstance, KeyBlock } from '../../spec/values.ts'
import type { AlgorithmName } from '../../src/objects/index.ts'
import type { OperationBench } from './operation-context.ts'

export const algorithms = { AES: 'AES', DES3: 'DES3' } as const

export function hex(text: string): Buffer {
  return Buffer.from(text, 'hex')
}

/** All uses. */
const anyUse = 0xfff

/** Registers an active symmetric key that may do anything, unless the attributes say otherwise. */
export async function registerKey(
  bench: OperationBench,
  material: string,
  attributes: readonly AttributeInstance[] = [],
  algorithm: AlgorithmName = 'AES',
): Promise<string> {
  return registered(bench, 'SymmetricKey', attributes, {
    keyFormatType: 'Raw',
    keyValue: { keyMaterial: hex(material), attributes: [] },
    cryptographicAlgorithm: algorithm,
  })
}

/** Registers an active object that may do anything, unless the attributes say otherwise. */
export async function registered(
  bench: OperationBench,
  objectType: 'SymmetricKey' | 'PrivateKey' | 'PublicKey',
  attributes: readonly AttributeInstance[],
  keyBlock: KeyBlock,
): Promise<string> {
  const defaults: readonly AttributeInstance[] = [
    { name: 'CryptographicUsageMask', value: anyUse },
    { name: 'ActivationDate', value: bench.context.now - 3_600 },
  ]
  const field = { SymmetricKey: 'symmetricKey', PrivateKey: 'privateKey', PublicKey: 'publicKey' }[objectType]
  const answer = await bench.run('Register', {
    objectType,
    attributes: [...attributes, ...defaults.filter(({ name }) => !attributes.some((each) => each.name === name))],
    [field]: { keyBlock },
  })
  return String(answer.uniqueIdentifier)
}
