# SPDX-License-Identifier: Apache-2.0
"""The shape of every command that is compared (shapes.py is the notation), by family.

differential_test.py sees to it that every data command which the reference or Henge has stands here
or in LEFT_OUT.
"""

FAMILIES = {
    "string": """
3 SET string text_or_digits [NX|XX] [GET] [EX seconds|PX milliseconds|EXAT unix_seconds|PXAT unix_milliseconds|KEEPTTL]
APPEND string text_or_digits
DECR string
DECRBY string int
2 GET string
GETDEL string
GETEX string [EX seconds|PX milliseconds|EXAT unix_seconds|PXAT unix_milliseconds|PERSIST]
GETRANGE string index index
GETSET string text_or_digits
INCR string
INCRBY string int
INCRBYFLOAT string double
LCS string string [LEN|IDX] [MINMATCHLEN small] [WITHMATCHLEN]
MGET any+
MSET (string text_or_digits)+
MSETNX (string text)+
PSETEX string milliseconds text
SETEX string seconds text
SETNX string text_or_digits
SETRANGE string byte_offset text
STRLEN string
SUBSTR string index index
""",
    "bitmap": """
3 SETBIT bitmap bit_offset bit
2 GETBIT bitmap bit_offset
BITCOUNT bitmap [index index [BYTE|BIT]]
BITPOS bitmap bit [index [index [BYTE|BIT]]]
BITOP (AND|OR|XOR|NOT) bitmap bitmap+
2 BITFIELD bitmap (GET bits field_offset|SET bits field_offset field_value|INCRBY bits field_offset int|OVERFLOW (WRAP|SAT|FAIL))+
BITFIELD_RO bitmap (GET bits field_offset)+
0.5 SET bitmap text
0.3 GET bitmap
0.3 SETRANGE bitmap byte_offset text
""",
    "list": """
3 LPUSH list text+
4 RPUSH list text+
LPUSHX list text+
RPUSHX list text+
2 LPOP list [count]
2 RPOP list [count]
LLEN list
2 LRANGE list index index
LINDEX list index
2 LINSERT list (BEFORE|AFTER) text text
LPOS list text [RANK small] [COUNT natural] [MAXLEN natural]
LREM list index text
LSET list index text
LTRIM list index index
LMOVE list list (LEFT|RIGHT) (LEFT|RIGHT)
RPOPLPUSH list list
LMPOP n:list (LEFT|RIGHT) [COUNT count]
0.02 BLPOP list+ wait
0.02 BRPOP list+ wait
0.02 BLMOVE list list (LEFT|RIGHT) (LEFT|RIGHT) wait
0.02 BRPOPLPUSH list list wait
0.02 BLMPOP wait n:list (LEFT|RIGHT) [COUNT count]
0.05 CONFIG SET list-max-listpack-size node_size
0.05 CONFIG SET list-compress-depth natural
""",
    "hash": """
4 HSET hash (field text_or_digits)+
HMSET hash (field text)+
HSETNX hash field text
2 HDEL hash field+
HEXISTS hash field
2 HGET hash field
HGETALL hash
2 HINCRBY hash field int
HINCRBYFLOAT hash field double
HKEYS hash
HVALS hash
HLEN hash
HMGET hash field+
HSTRLEN hash field
0.5 HRANDFIELD hash [count [WITHVALUES]]
0.5 HSCAN hash 0 [MATCH pattern] [COUNT count]
0.05 CONFIG SET hash-max-listpack-entries threshold
0.05 CONFIG SET hash-max-listpack-value threshold
""",
    "set": """
4 SADD set member+
2 SREM set member+
SCARD set
SISMEMBER set member
SMISMEMBER set member+
SMEMBERS set
SMOVE set set member
SDIFF set+
SDIFFSTORE set set+
SINTER set+
SINTERSTORE set set+
SINTERCARD n:set [LIMIT count]
SUNION set+
SUNIONSTORE set set+
0.5 SPOP set [count]
0.5 SRANDMEMBER set [count]
0.5 SSCAN set 0 [MATCH pattern] [COUNT count]
0.05 CONFIG SET set-max-intset-entries threshold
0.05 CONFIG SET set-max-listpack-entries threshold
0.05 CONFIG SET set-max-listpack-value threshold
""",
    "zset": """
6 ZADD zset [NX|XX] [GT|LT] [CH] (score member)+
ZADD zset [NX|XX] [GT|LT] [CH] INCR score member
2 ZREM zset member+
ZCARD zset
ZCOUNT zset bound bound
ZINCRBY zset score member
ZSCORE zset member
ZMSCORE zset member+
2 ZRANK zset member
ZREVRANK zset member
2 ZRANGE zset index index [REV] [WITHSCORES]
ZRANGE zset bound bound BYSCORE [REV] [LIMIT index index] [WITHSCORES]
ZRANGEBYSCORE zset bound bound [WITHSCORES] [LIMIT index index]
ZREVRANGEBYSCORE zset bound bound [WITHSCORES] [LIMIT index index]
ZREVRANGE zset index index [WITHSCORES]
ZREMRANGEBYRANK zset index index
ZREMRANGEBYSCORE zset bound bound
ZRANGESTORE zset zset index index [REV]
ZRANGESTORE zset zset bound bound BYSCORE [REV] [LIMIT index index]
ZPOPMIN zset [count]
ZPOPMAX zset [count]
ZMPOP n:zset (MIN|MAX) [COUNT count]
ZUNION n:zset [WEIGHTS double double] [AGGREGATE (SUM|MIN|MAX)] [WITHSCORES]
ZINTER n:zset [WEIGHTS double double] [AGGREGATE (SUM|MIN|MAX)] [WITHSCORES]
ZDIFF n:zset [WITHSCORES]
ZUNIONSTORE zset n:zset [WEIGHTS double double] [AGGREGATE (SUM|MIN|MAX)]
ZINTERSTORE zset n:zset [WEIGHTS double double] [AGGREGATE (SUM|MIN|MAX)]
ZDIFFSTORE zset n:zset
0.5 ZUNIONSTORE zset 2 set zset [WEIGHTS small small]
ZINTERCARD n:zset [LIMIT count]
0.5 ZRANDMEMBER zset [count [WITHSCORES]]
0.5 ZSCAN zset 0 [MATCH pattern] [COUNT count]
0.02 BZPOPMIN zset+ wait
0.02 BZPOPMAX zset+ wait
0.02 BZMPOP wait n:zset (MIN|MAX) [COUNT count]
0.05 CONFIG SET zset-max-listpack-entries threshold
0.05 CONFIG SET zset-max-listpack-value threshold
""",
    "lex": """
4 ZADD lexed [NX|XX] [CH] (0 member)+
ZREM lexed member+
2 ZRANGE lexed lex lex BYLEX [REV] [LIMIT index index]
ZRANGEBYLEX lexed lex lex [LIMIT index index]
ZREVRANGEBYLEX lexed lex lex [LIMIT index index]
ZLEXCOUNT lexed lex lex
ZREMRANGEBYLEX lexed lex lex
ZRANGESTORE lexed lexed lex lex BYLEX [REV] [LIMIT index index]
ZRANGE lexed index index
ZPOPMIN lexed [count]
0.05 CONFIG SET zset-max-listpack-entries threshold
0.05 CONFIG SET zset-max-listpack-value threshold
""",
    "stream": """
8 XADD stream [NOMKSTREAM] [(MAXLEN|MINID) [=] natural] new_id (field text)+
0.3 XADD stream * field text
XLEN stream
2 XDEL stream id+
2 XRANGE stream range_id range_id [COUNT count]
XREVRANGE stream range_id range_id [COUNT count]
XREAD [COUNT count] STREAMS stream id
XREAD [COUNT count] STREAMS stream stream id id
XTRIM stream (MAXLEN|MINID) [=] id
0.3 XTRIM stream MAXLEN ~ natural LIMIT 0
XSETID stream id [ENTRIESADDED natural] [MAXDELETEDID id]
2 XGROUP CREATE stream group (id|$|0) [MKSTREAM] [ENTRIESREAD natural]
XGROUP CREATECONSUMER stream group consumer
XGROUP DELCONSUMER stream group consumer
0.3 XGROUP DESTROY stream group
XGROUP SETID stream group (id|$|0) [ENTRIESREAD natural]
4 XREADGROUP GROUP group consumer [COUNT count] [NOACK] STREAMS stream (>|id)
2 XACK stream group id+
XPENDING stream group
XPENDING stream group [IDLE zero_or_much] range_id range_id count [consumer]
2 XCLAIM stream group consumer zero_or_much id+ [IDLE 100000] [RETRYCOUNT natural] [FORCE] [JUSTID] [LASTID id]
XAUTOCLAIM stream group consumer zero_or_much range_id [COUNT count] [JUSTID]
XINFO STREAM stream
0.5 XINFO STREAM stream FULL [COUNT natural]
XINFO GROUPS stream
XINFO CONSUMERS stream group
0.05 CONFIG SET stream-node-max-entries threshold
""",
    "hll": """
4 PFADD hll member+
PFADD hll
2 PFCOUNT hll+
2 PFMERGE hll hll+
0.3 STRLEN hll
0.2 GET hll
0.05 CONFIG SET hll-sparse-max-bytes threshold
""",
    "geo": """
4 GEOADD geo [NX|XX] [CH] (longitude latitude member)+
GEODIST geo member member [unit]
GEOHASH geo member+
GEOPOS geo member+
2 GEOSEARCH geo (FROMMEMBER member|FROMLONLAT longitude latitude) (BYRADIUS distance unit|BYBOX distance distance unit) [ASC|DESC] [COUNT count [ANY]] [WITHCOORD] [WITHDIST] [WITHHASH]
GEOSEARCHSTORE geo geo (FROMMEMBER member|FROMLONLAT longitude latitude) (BYRADIUS distance unit|BYBOX distance distance unit) [ASC|DESC] [COUNT count] [STOREDIST]
GEORADIUS geo longitude latitude distance unit [WITHCOORD] [WITHDIST] [WITHHASH] [COUNT count] [ASC|DESC]
GEORADIUS geo longitude latitude distance unit [COUNT count] (STORE|STOREDIST) geo
GEORADIUSBYMEMBER geo member distance unit [WITHCOORD] [WITHDIST] [WITHHASH] [COUNT count] [ASC|DESC]
GEORADIUSBYMEMBER geo member distance unit (STORE|STOREDIST) geo
GEORADIUS_RO geo longitude latitude distance unit [WITHCOORD] [WITHDIST] [COUNT count] [ASC|DESC]
GEORADIUSBYMEMBER_RO geo member distance unit [WITHDIST] [COUNT count] [ASC|DESC]
ZREM geo member+
ZRANGE geo index index WITHSCORES
""",
    "keys": """
2 DEL any+
UNLINK any+
EXISTS any+
TOUCH any+
TYPE any
2 COPY any any [DB database] [REPLACE]
2 RENAME any any
RENAMENX any any
MOVE any database
EXPIRE any (seconds|past) [NX|XX|GT|LT]
PEXPIRE any (milliseconds|past) [NX|XX|GT|LT]
EXPIREAT any (unix_seconds|past_date) [NX|XX|GT|LT]
PEXPIREAT any (unix_milliseconds|past_date) [NX|XX|GT|LT]
TTL any
PTTL any
EXPIRETIME any
PEXPIRETIME any
PERSIST any
0.3 KEYS pattern
0.3 RANDOMKEY
0.3 SCAN 0 [MATCH pattern] [COUNT count] [TYPE (STRING|List|HASH|Set|zSET|STREAM|NOSUCH)]
DBSIZE
0.2 SELECT database
0.1 SWAPDB swap_db swap_db
0.02 FLUSHDB [ASYNC|SYNC]
0.01 FLUSHALL
0.2 OBJECT REFCOUNT absent
""",
    "sort": """
SORT any [BY sort_pattern] [LIMIT index index] (GET get_pattern)+ [ASC|DESC] [ALPHA]
2 SORT any [BY sort_pattern] [LIMIT index index] [ASC|DESC] [ALPHA]
SORT any [BY sort_pattern] [LIMIT index index] [GET get_pattern] [ASC|DESC] [ALPHA] STORE any
SORT_RO any [BY sort_pattern] [LIMIT index index] [GET get_pattern] [ASC|DESC] [ALPHA]
""",
}

# Stray ones, besides the blocks of MULTI … EXEC that sequences.py builds.
TRANSACTIONS = """
MULTI
EXEC
DISCARD
2 WATCH any+
UNWATCH
"""

# Calls that wait: clients are blocked in them while others go on.
BLOCKING = {
    "list": """
2 BLPOP list+ 0
BRPOP list+ 0
BLMOVE list list (LEFT|RIGHT) (LEFT|RIGHT) 0
BRPOPLPUSH list list 0
BLMPOP 0 n:list (LEFT|RIGHT) [COUNT count]
""",
    "zset": """
BZPOPMIN zset+ 0
BZPOPMAX zset+ 0
BZMPOP 0 n:zset (MIN|MAX) [COUNT count]
""",
    "stream": """
XREAD BLOCK 0 STREAMS stream $
XREADGROUP GROUP group consumer BLOCK 0 STREAMS stream >
""",
}

# Ranges by name mean nothing where scores differ: the family "lex" keeps to keys of its own.
# The keys that a family's shapes use; of the other families, all keys that the sequence has.
KINDS = {"string": ["string"], "bitmap": ["bitmap"], "list": ["list"], "hash": ["hash"], "set": ["set"],
         "zset": ["zset", "set"], "stream": ["stream"], "hll": ["hll"], "geo": ["geo"], "lex": ["lex"]}
ACROSS = ("keys", "sort")  # Families that work on what others made.

GROUPS = {"generic", "string", "bitmap", "list", "hash", "set", "sorted-set", "stream", "hyperloglog", "geo",
          "transactions"}  # COMMAND DOCS' groups whose commands have a shape or stand here.
LEFT_OUT = {
    "object|encoding": "compared for every key at each check",
    "object|freq": "depends on time and on maxmemory-policy",
    "object|idletime": "depends on time",
    "object|help": "worded by Henge",
    "xgroup|help": "worded by Henge",
    "xinfo|help": "worded by Henge",
    "dump": "7.2's version of the format is newer than the reference's",
    "restore": "see DUMP",
    "migrate": "needs a third server",
    "wait": "waits",
    "waitaof": "waits; of 7.2",
    "pfdebug": "changes encodings behind the server's back",
    "pfselftest": "takes seconds",
}
