import { KmipError } from '../../spec/kmip-error.ts'
import { encodeResponse, parseRequest, type ResponseMessage } from '../messages/index.ts'
import { decode, encode, encodedLength, type Item, type TtlvError } from '../ttlv/index.ts'
import { type Caller, type DispatchDoors, dispatch } from './dispatch.ts'
import { decodeLimits, type ServerLimits } from './limits.ts'

/** From a message's bytes, or its tree, to those of its answer. */
export class Responder<C extends Caller> {
  readonly #doors: DispatchDoors<C>
  readonly #limits: ReturnType<typeof decodeLimits>

  constructor(doors: Omit<DispatchDoors<C>, 'size' | 'batchItems'>, limits: ServerLimits) {
    this.#doors = { ...doors, batchItems: limits.batchItems, size: (response) => encodedLength(encodeResponse(response)) }
    this.#limits = decodeLimits(limits)
  }

  /** @throws TtlvError when the bytes are no tree: the stream they came from cannot be trusted any further. */
  async respond(frame: Buffer, caller: C): Promise<Uint8Array> {
    return encode(await this.respondTree(decode(frame, this.#limits), caller))
  }

  /** The answer to a message that is at least a tree; one that is no request is answered so. */
  async respondTree(tree: Item, caller: C): Promise<Item> {
    const request = parse(tree)
    return encodeResponse(request instanceof KmipError ? this.#refusal(request) : await dispatch(request, caller, this.#doors))
  }

  /** The answer to what is no tree (KMIP 1.4 §11.1): one Batch Item without an operation. */
  refuseTree(error: TtlvError): Item {
    return encodeResponse(this.#refusal(new KmipError('InvalidMessage', `The message cannot be read: ${error.message}.`)))
  }

  refuse(error: TtlvError): Uint8Array {
    return encode(this.refuseTree(error))
  }

  #refusal(error: KmipError): ResponseMessage {
    return { version: '1.0', timeStamp: Math.floor(this.#doors.now() / 1000), items: [{ status: 'OperationFailed', error }] }
  }
}

function parse(tree: Item): ReturnType<typeof parseRequest> | KmipError {
  try {
    return parseRequest(tree)
  } catch (error) {
    if (error instanceof KmipError) return error
    throw error
  }
}
