import type { EnumerationValue } from '../../spec/enumerations.ts'
import { itemTypes } from '../../spec/item-types.ts'
import { KmipError } from '../../spec/kmip-error.ts'
import { tresorExtension } from '../../spec/tresor-extension.ts'
import type { RequestPayload, ResponsePayload } from '../../spec/values.ts'
import type { Context } from './context.ts'
import { symmetricKeyDefaults } from './create.ts'
import { maskOf } from './given-attributes.ts'
import { rngParameters, storageMask } from './new-managed-object.ts'

type Answer = ResponsePayload<'Query'>
type QueryFunction = EnumerationValue<'QueryFunction'>

/**
 * Query (KMIP 2.1 §6.1.40): what this server is and does, no more and no less. The dialect leaves out what the client's version does not know.
 * @throws KmipError InvalidField for a function that is not a question to this server.
 */
export async function query(context: Context, request: RequestPayload<'Query'>): Promise<Answer> {
  let answer: Answer = nothing
  const questions = new Set(request.queryFunctions)
  // The map says all that the list does.
  if (questions.has('QueryExtensionMap')) questions.delete('QueryExtensionList')
  for (const question of questions) {
    const ask = answers[question]
    if (ask === undefined) throw new KmipError('InvalidField', `Query has no answer to ${question}.`)
    answer = { ...answer, ...(await ask(context)) }
  }
  return answer
}

const nothing: Answer = {
  operations: [],
  objectTypes: [],
  applicationNamespaces: [],
  extensionInformation: [],
  attestationTypes: [],
  rngParameters: [],
  profileInformation: [],
  validationInformation: [],
  capabilityInformation: [],
  clientRegistrationMethods: [],
}

/** The Object Types that Register takes, and Create and Create Key Pair make. Template is one until 1.4. */
export const objectTypes = [
  'Certificate',
  'SymmetricKey',
  'PublicKey',
  'PrivateKey',
  'SplitKey',
  'Template',
  'SecretData',
  'OpaqueObject',
  'PGPKey',
  'CertificateRequest',
] as const satisfies readonly EnumerationValue<'ObjectType'>[]

/** The fields of Tresor's own Message Extension. */
const extensions = (Object.keys(tresorExtension.fields) as (keyof typeof tresorExtension.fields)[]).map((field) => {
  const { tag, type } = tresorExtension.fields[field]
  return { extensionName: tresorExtension.names[field], extensionTag: tag, extensionType: itemTypes[type].code }
})

const answers: { readonly [F in QueryFunction]?: (context: Context) => Promise<Partial<Answer>> | Partial<Answer> } = {
  QueryOperations: ({ server }) => ({ operations: server.operations }),
  QueryObjects: () => ({ objectTypes }),
  QueryServerInformation: ({ server }) => ({
    vendorIdentification: server.vendorIdentification,
    serverInformation: {
      serverName: server.serverName,
      serverSerialNumber: server.serverSerialNumber,
      serverVersion: server.serverVersion,
      alternateFailoverEndpoints: [],
    },
  }),
  QueryExtensionList: () => ({ extensionInformation: extensions.map(({ extensionName }) => ({ extensionName })) }),
  QueryExtensionMap: () => ({ extensionInformation: extensions }),
  // None: no values are made up for a namespace, there is no attestation, no validation, no registration of clients.
  QueryApplicationNamespaces: () => ({}),
  QueryAttestationTypes: () => ({}),
  QueryValidations: () => ({}),
  QueryClientRegistrationMethods: () => ({}),
  QueryRNGs: ({ partition }) => ({ rngParameters: [rngParameters(partition)] }),
  QueryProfiles: ({ server }) => ({ profileInformation: server.profiles.map((profileName) => ({ profileName })) }),
  QueryCapabilities: ({ partition }) => ({
    capabilityInformation: [
      {
        streamingCapability: partition.streams !== undefined,
        asynchronousCapability: true,
        attestationCapability: false,
        batchUndoCapability: true,
        batchContinueCapability: true,
        // Register unwraps what comes wrapped where its wrapping key is here, and keeps it wrapped where not.
        unwrapMode: 'Unspecified',
        // The wrapped key goes from the record at once, what is left of old copies with the epoch's KEK: no value of the standard says that.
        destroyAction: 'Unspecified',
        shreddingAlgorithm: 'Unspecified',
        rngMode: 'Unspecified',
        quantumSafeCapability: false,
      },
    ],
  }),
  QueryDefaultsInformation: () => ({
    defaultsInformation: {
      objectDefaults: [
        {
          objectType: 'SymmetricKey',
          attributes: [
            { name: 'CryptographicAlgorithm', value: symmetricKeyDefaults.algorithm },
            { name: 'CryptographicLength', value: symmetricKeyDefaults.length },
            { name: 'CryptographicUsageMask', value: maskOf(['Encrypt', 'Decrypt']) },
          ],
        },
        { objectType: 'PrivateKey', attributes: [{ name: 'CryptographicUsageMask', value: maskOf(['Sign']) }] },
        { objectType: 'PublicKey', attributes: [{ name: 'CryptographicUsageMask', value: maskOf(['Verify']) }] },
      ],
    },
  }),
  QueryStorageProtectionMasks: ({ partition }) => ({ protectionStorageMasks: { masks: [storageMask(partition)] } }),
}
