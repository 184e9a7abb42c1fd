import { KmipError } from '../../spec/kmip-error.ts'
import {
  encodeResponse,
  parseRequest,
  type RequestLimits,
  type RequestMessage,
  type ResponseMessage,
  requestFromItem,
  responseSize,
  responseToItem,
  UnreadableRequest,
} from '../messages/index.ts'
import type { Item, TtlvError } from '../ttlv/index.ts'
import { LastAnswer } from './connection.ts'
import { type Caller, type DispatchDoors, dispatch } from './dispatch.ts'
import { requestLimits, type ServerLimits } from './limits.ts'

/** From a message's bytes, or its tree, to those of its answer. */
export class Responder<C extends Caller> {
  readonly #doors: DispatchDoors<C>
  readonly #limits: RequestLimits

  constructor(doors: Omit<DispatchDoors<C>, 'size'>, limits: ServerLimits) {
    this.#doors = { ...doors, size: responseSize }
    this.#limits = requestLimits(limits)
  }

  /** @throws LastAnswer when the bytes are no tree: the stream they came from cannot be trusted any further. */
  async respond(frame: Buffer, caller: C): Promise<Uint8Array> {
    const request = unlessUnreadable(() => parseRequest(frame, this.#limits))
    if (!(request instanceof UnreadableRequest)) return this.#written(request, await dispatch(request, caller, this.#doors), encodeResponse)
    const answer = encodeResponse(this.#refusal(request))
    if (request.close) throw new LastAnswer(answer, request.message)
    return answer
  }

  /** The answer to a message that is at least a tree; one that is no request is answered so. */
  async respondTree(tree: Item, caller: C): Promise<Item> {
    const request = unlessUnreadable(() => requestFromItem(tree, this.#limits))
    if (request instanceof UnreadableRequest) return responseToItem(this.#refusal(request))
    return this.#written(request, await dispatch(request, caller, this.#doors), responseToItem)
  }

  /** The answer to bytes that cannot begin a message, or begin one that is too large, in the version that they seem to be in. */
  refuse(error: TtlvError, bytes: Buffer): Uint8Array {
    const guess = unlessUnreadable(() => parseRequest(bytes, this.#limits))
    const version = guess instanceof UnreadableRequest ? guess.version : guess.header.version
    return encodeResponse(this.#refusal(new UnreadableRequest(codecError(error), version, true)))
  }

  /** The answer to what is no tree in another encoding. */
  refuseTree(error: TtlvError): Item {
    return responseToItem(this.#refusal({ error: codecError(error), version: '2.1', clientCorrelationValue: undefined }))
  }

  #written<T>({ header }: RequestMessage, response: ResponseMessage, write: (response: ResponseMessage) => T): T {
    try {
      return write(response)
    } catch (cause) {
      this.#doors.log.error('an answer could not be written', { error: cause })
      this.#doors.metrics.internalErrors++
      const error = new KmipError('GeneralFailure', "The answer could not be written; the server's log says why.", { cause })
      return write(this.#refusal({ error, version: header.version, clientCorrelationValue: header.clientCorrelationValue }))
    }
  }

  #refusal({
    error,
    version,
    clientCorrelationValue,
  }: Pick<UnreadableRequest, 'error' | 'version' | 'clientCorrelationValue'>): ResponseMessage {
    this.#doors.metrics.item('unknown', error.reason, 0)
    return {
      version,
      timeStamp: Math.floor(this.#doors.now() / 1000),
      clientCorrelationValue,
      items: [{ status: 'OperationFailed', error }],
    }
  }
}

function unlessUnreadable(read: () => RequestMessage): RequestMessage | UnreadableRequest {
  try {
    return read()
  } catch (error) {
    if (error instanceof UnreadableRequest) return error
    throw error
  }
}

function codecError(error: TtlvError): KmipError {
  return new KmipError('CodecError', error.message, { cause: error })
}
