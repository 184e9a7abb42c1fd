import type { EnumerationValue } from '../../spec/enumerations.ts'
import { KmipError } from '../../spec/kmip-error.ts'
import { requestHeader as row } from '../../spec/messages.ts'
import { tags } from '../../spec/tags.ts'
import type { StructureValue, ValueOf } from '../../spec/values.ts'
import type { Version } from '../../spec/versions.ts'
import type { Item, StructureItem } from '../ttlv/index.ts'
import type { Dialect } from './dialect.ts'
import { Layout } from './field.ts'
import type { RequestHeader, RequestMessage } from './message.ts'
import { versionItem } from './protocol-version.ts'
import type { Fields, Reader } from './reader.ts'
import type { StructureWriter } from './structure-writer.ts'

type HeaderFields = ValueOf<typeof row>

/** Reads what follows the Protocol Version, which the caller has read. @throws KmipError */
export function readRequestHeader(reader: Reader, item: StructureItem, version: Version): { header: RequestHeader; batchCount: number } {
  const fields = reader.read(item.value, headerLayout(reader.dialect), 1) as unknown as HeaderFields
  if (fields.maximumResponseSize !== undefined && fields.maximumResponseSize < 0) {
    throw new KmipError('InvalidMessage', 'Maximum Response Size is below 0')
  }
  const header: RequestHeader = {
    version,
    maximumResponseSize: fields.maximumResponseSize,
    clientCorrelationValue: fields.clientCorrelationValue,
    serverCorrelationValue: fields.serverCorrelationValue,
    asynchronousIndicator: asynchronousIndicator(fields),
    credentials: fields.authentication === undefined ? none : fields.authentication.credentials,
    batchErrorContinuation: fields.batchErrorContinuation ?? 'Stop',
    timeStamp: fields.timeStamp,
  }
  return { header, batchCount: fields.batchCount }
}

export function requestHeaderItem(writer: StructureWriter, { header, items }: RequestMessage): Item {
  const fields: HeaderFields = {
    maximumResponseSize: header.maximumResponseSize,
    clientCorrelationValue: header.clientCorrelationValue,
    serverCorrelationValue: header.serverCorrelationValue,
    mayBeAsynchronous: header.asynchronousIndicator === 'Prohibited' ? undefined : true,
    asynchronousIndicator: header.asynchronousIndicator === 'Prohibited' ? undefined : header.asynchronousIndicator,
    attestationTypes: [],
    authentication: header.credentials.length === 0 ? undefined : { credentials: header.credentials },
    batchErrorContinuation: header.batchErrorContinuation === 'Stop' ? undefined : header.batchErrorContinuation,
    timeStamp: header.timeStamp,
    batchCount: items.length,
  }
  const written = writer.items(fields as unknown as Fields, headerLayout(writer.dialect)) as Item[]
  return { tag: tags.RequestHeader.tag, type: 'Structure', value: [versionItem(header.version), ...written] }
}

/** 1.x says whether, 2.x which of three; absent, the answer comes at once (KMIP 1.4 §6.7, KMIP 2.1 §9.2). */
function asynchronousIndicator(fields: HeaderFields): EnumerationValue<'AsynchronousIndicator'> {
  return fields.asynchronousIndicator ?? (fields.mayBeAsynchronous === true ? 'Optional' : 'Prohibited')
}

function headerLayout(dialect: Dialect): Layout {
  let layout = layouts.get(dialect)
  if (layout === undefined) {
    layout = new Layout(dialect, 'Request Header', row, 'any')
    layouts.set(dialect, layout)
  }
  return layout
}

const none: readonly StructureValue<'Credential'>[] = []
const layouts = new Map<Dialect, Layout>()
