// The shared worker in which connections are held.

import { Host } from "./host.js";
import { Port } from "./port.js";

const host = new Host();

globalThis.onconnect = ({ ports }) => host.admit(new Port(ports[0]));
