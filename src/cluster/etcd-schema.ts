import type { fromJSON } from '@grpc/proto-loader'

/**
 * The few messages and calls of etcd's v3 API that Tresor uses, with the field numbers of etcd's rpc.proto and kv.proto (3.4 to 3.6).
 * Written as data so that a build has no .proto file to carry along. Fields that Tresor neither sends nor reads are left out:
 * protobuf skips unknown fields.
 */
export const etcdSchema: Parameters<typeof fromJSON>[0] = {
  nested: {
    mvccpb: {
      nested: {
        KeyValue: message({
          key: ['bytes', 1],
          createRevision: ['int64', 2],
          modRevision: ['int64', 3],
          version: ['int64', 4],
          value: ['bytes', 5],
        }),
        Event: {
          ...message({ type: ['EventType', 1], kv: ['KeyValue', 2] }),
          nested: { EventType: { values: { PUT: 0, DELETE: 1 } } },
        },
      },
    },
    etcdserverpb: {
      nested: {
        ResponseHeader: message({ clusterId: ['uint64', 1], memberId: ['uint64', 2], revision: ['int64', 3], raftTerm: ['uint64', 4] }),

        RangeRequest: message({
          key: ['bytes', 1],
          rangeEnd: ['bytes', 2],
          limit: ['int64', 3],
          revision: ['int64', 4],
          serializable: ['bool', 7],
          keysOnly: ['bool', 8],
        }),
        RangeResponse: message({
          header: ['ResponseHeader', 1],
          kvs: ['mvccpb.KeyValue', 2, 'repeated'],
          more: ['bool', 3],
          count: ['int64', 4],
        }),
        PutRequest: message({ key: ['bytes', 1], value: ['bytes', 2] }),
        PutResponse: message({ header: ['ResponseHeader', 1] }),
        DeleteRangeRequest: message({ key: ['bytes', 1], rangeEnd: ['bytes', 2] }),
        DeleteRangeResponse: message({ header: ['ResponseHeader', 1], deleted: ['int64', 2] }),
        RequestOp: union('request', {
          requestRange: ['RangeRequest', 1],
          requestPut: ['PutRequest', 2],
          requestDeleteRange: ['DeleteRangeRequest', 3],
          requestTxn: ['TxnRequest', 4],
        }),
        ResponseOp: union('response', {
          responseRange: ['RangeResponse', 1],
          responsePut: ['PutResponse', 2],
          responseDeleteRange: ['DeleteRangeResponse', 3],
          responseTxn: ['TxnResponse', 4],
        }),
        Compare: {
          ...message({ result: ['CompareResult', 1], target: ['CompareTarget', 2], key: ['bytes', 3], modRevision: ['int64', 6] }),
          oneofs: { targetUnion: { oneof: ['modRevision'] } },
          nested: {
            CompareResult: { values: { EQUAL: 0, GREATER: 1, LESS: 2, NOT_EQUAL: 3 } },
            CompareTarget: { values: { VERSION: 0, CREATE: 1, MOD: 2, VALUE: 3, LEASE: 4 } },
          },
        },
        TxnRequest: message({
          compare: ['Compare', 1, 'repeated'],
          success: ['RequestOp', 2, 'repeated'],
          failure: ['RequestOp', 3, 'repeated'],
        }),
        TxnResponse: message({ header: ['ResponseHeader', 1], succeeded: ['bool', 2], responses: ['ResponseOp', 3, 'repeated'] }),
        CompactionRequest: message({ revision: ['int64', 1], physical: ['bool', 2] }),
        CompactionResponse: message({ header: ['ResponseHeader', 1] }),
        KV: {
          methods: {
            Range: call('RangeRequest', 'RangeResponse'),
            Put: call('PutRequest', 'PutResponse'),
            Txn: call('TxnRequest', 'TxnResponse'),
            Compact: call('CompactionRequest', 'CompactionResponse'),
          },
        },

        WatchRequest: union('requestUnion', { createRequest: ['WatchCreateRequest', 1] }),
        WatchCreateRequest: message({
          key: ['bytes', 1],
          rangeEnd: ['bytes', 2],
          startRevision: ['int64', 3],
          progressNotify: ['bool', 4],
          fragment: ['bool', 8],
        }),
        WatchResponse: message({
          header: ['ResponseHeader', 1],
          watchId: ['int64', 2],
          created: ['bool', 3],
          canceled: ['bool', 4],
          compactRevision: ['int64', 5],
          cancelReason: ['string', 6],
          fragment: ['bool', 7],
          events: ['mvccpb.Event', 11, 'repeated'],
        }),
        Watch: { methods: { Watch: { ...call('WatchRequest', 'WatchResponse'), requestStream: true, responseStream: true } } },

        Member: message({
          ID: ['uint64', 1],
          name: ['string', 2],
          peerURLs: ['string', 3, 'repeated'],
          clientURLs: ['string', 4, 'repeated'],
          isLearner: ['bool', 5],
        }),
        MemberAddRequest: message({ peerURLs: ['string', 1, 'repeated'], isLearner: ['bool', 2] }),
        MemberAddResponse: message({ header: ['ResponseHeader', 1], member: ['Member', 2], members: ['Member', 3, 'repeated'] }),
        MemberRemoveRequest: message({ ID: ['uint64', 1] }),
        MemberListRequest: message({ linearizable: ['bool', 1] }),
        MemberPromoteRequest: message({ ID: ['uint64', 1] }),
        MembersResponse: message({ header: ['ResponseHeader', 1], members: ['Member', 2, 'repeated'] }),
        Cluster: {
          methods: {
            MemberAdd: call('MemberAddRequest', 'MemberAddResponse'),
            MemberRemove: call('MemberRemoveRequest', 'MembersResponse'),
            MemberList: call('MemberListRequest', 'MembersResponse'),
            MemberPromote: call('MemberPromoteRequest', 'MembersResponse'),
          },
        },

        StatusRequest: message({}),
        StatusResponse: message({
          header: ['ResponseHeader', 1],
          version: ['string', 2],
          dbSize: ['int64', 3],
          leader: ['uint64', 4],
          raftIndex: ['uint64', 5],
          raftTerm: ['uint64', 6],
          raftAppliedIndex: ['uint64', 7],
          errors: ['string', 8, 'repeated'],
          dbSizeInUse: ['int64', 9],
          isLearner: ['bool', 10],
          dbSizeQuota: ['int64', 12],
        }),
        AlarmMember: message({ memberID: ['uint64', 1], alarm: ['AlarmType', 2] }),
        AlarmType: { values: { NONE: 0, NOSPACE: 1, CORRUPT: 2 } },
        AlarmRequest: {
          ...message({ action: ['AlarmAction', 1], memberID: ['uint64', 2], alarm: ['AlarmType', 3] }),
          nested: { AlarmAction: { values: { GET: 0, ACTIVATE: 1, DEACTIVATE: 2 } } },
        },
        AlarmResponse: message({ header: ['ResponseHeader', 1], alarms: ['AlarmMember', 2, 'repeated'] }),
        DefragmentRequest: message({}),
        DefragmentResponse: message({ header: ['ResponseHeader', 1] }),
        Maintenance: {
          methods: {
            Alarm: call('AlarmRequest', 'AlarmResponse'),
            Status: call('StatusRequest', 'StatusResponse'),
            Defragment: call('DefragmentRequest', 'DefragmentResponse'),
          },
        },
      },
    },
  },
}

type FieldRow = readonly [type: string, id: number, rule?: 'repeated']

function message(rows: Readonly<Record<string, FieldRow>>) {
  const fields: Record<string, { type: string; id: number; rule?: string }> = {}
  for (const [name, [type, id, rule]] of Object.entries(rows)) fields[name] = rule === undefined ? { type, id } : { type, id, rule }
  return { fields }
}

/** A message of which one field at most is set. */
function union(name: string, fields: Readonly<Record<string, FieldRow>>) {
  return { ...message(fields), oneofs: { [name]: { oneof: Object.keys(fields) } } }
}

function call(requestType: string, responseType: string) {
  return { requestType, responseType, comment: '' }
}
