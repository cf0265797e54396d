import { parseAddress } from '@tiebreak/shared/vrrp';
import { interfaceIndex, openRtnetlink } from '../../agent/kernel/index.ts';

/** Puts an IPv4 address on an interface of this namespace with tiebreak's own mark, as a run that was killed leaves it. */
const [, , name = '', text = ''] = process.argv;
const address = parseAddress(text);
const index = interfaceIndex(name);
const rtnetlink = openRtnetlink();
if (address === undefined || !index.ok || !rtnetlink.ok) throw new Error(`usage: put-address INTERFACE ADDRESS`);
const added = rtnetlink.value.addAddress({
  interfaceIndex: index.value,
  family: 'ipv4',
  address,
  prefixLength: 24,
});
if (!added.ok) throw new Error(added.text);
