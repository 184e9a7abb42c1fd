import type { RepeatableOperation } from '../../spec/tresor-extension.ts'
import type { RequestPayload, ResponsePayload } from '../../spec/values.ts'

/** How the answer of an operation that makes objects is told again, from the identifiers of what it made. */
interface Repeatable<O extends RepeatableOperation> {
  readonly identifiers: (response: ResponsePayload<O>) => readonly unknown[]
  readonly answer: (identifiers: readonly string[], request: RequestPayload<O>) => ResponsePayload<O>
}

const repeatable: { readonly [O in RepeatableOperation]: Repeatable<O> } = {
  Create: {
    identifiers: ({ uniqueIdentifier }) => [uniqueIdentifier],
    answer: ([uniqueIdentifier = ''], { objectType }) => ({ objectType, uniqueIdentifier }),
  },
  CreateKeyPair: {
    identifiers: ({ privateKeyUniqueIdentifier, publicKeyUniqueIdentifier }) => [privateKeyUniqueIdentifier, publicKeyUniqueIdentifier],
    answer: ([privateKeyUniqueIdentifier = '', publicKeyUniqueIdentifier = '']) => ({
      privateKeyUniqueIdentifier,
      publicKeyUniqueIdentifier,
    }),
  },
  DeriveKey: {
    identifiers: ({ uniqueIdentifier }) => [uniqueIdentifier],
    answer: ([uniqueIdentifier = '']) => ({ uniqueIdentifier }),
  },
  Register: {
    identifiers: ({ uniqueIdentifier }) => [uniqueIdentifier],
    answer: ([uniqueIdentifier = '']) => ({ uniqueIdentifier }),
  },
}

/** The identifiers of what was made, in the order that `repeatedAnswer` wants. */
export function madeIdentifiers<O extends RepeatableOperation>(operation: O, response: ResponsePayload<O>): readonly string[] {
  return repeatable[operation].identifiers(response).map(String)
}

/** The answer to a request that repeats one which made these objects. */
export function repeatedAnswer<O extends RepeatableOperation>(
  operation: O,
  identifiers: readonly string[],
  request: RequestPayload<O>,
): ResponsePayload<O> {
  return repeatable[operation].answer(identifiers, request)
}
