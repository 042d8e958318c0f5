// A server of node-opcua with history, for the tests: an implementation that shares no line with asyncua.
//
//     node server.js VALUES RUN FOLDER MODULES
//
// Its one variable has VALUES numbers, RUN of them at each instant, a second apart from 2026-01-01T00:00:00Z on. It tells its
// port in a line of JSON and runs until its standard input ends. FOLDER is where it keeps its certificates,
// MODULES where npm installed what it needs.
"use strict";

const path = require("path");
const modules = process.argv[5];
const load = (name) => require(path.join(modules, name));

const { OPCUAServer } = load("node-opcua-server");
const { OPCUACertificateManager } = load("node-opcua-certificate-manager");
const { DataType, Variant } = load("node-opcua-variant");
const { DataValue } = load("node-opcua-data-value");
const { StatusCodes } = load("node-opcua-status-code");

async function main() {
    const [values, run, folder] = [Number(process.argv[2]), Number(process.argv[3]), process.argv[4]];
    const server = new OPCUAServer({
        port: 0,
        resourcePath: "/history",
        securityPolicies: ["http://opcfoundation.org/UA/SecurityPolicy#None"],
        securityModes: [1],
        disableDiscovery: true,
        serverCertificateManager: new OPCUACertificateManager({ rootFolder: path.join(folder, "pki"), automaticallyAcceptUnknownCertificate: true }),
        userCertificateManager: new OPCUACertificateManager({ rootFolder: path.join(folder, "users") }),
    });
    await server.initialize();
    const addressSpace = server.engine.addressSpace;
    const namespace = addressSpace.registerNamespace("urn:node-opcua:plant");
    const plant = namespace.addObject({ organizedBy: addressSpace.rootFolder.objects, browseName: "Plant", nodeId: "s=Plant" });
    const level = namespace.addVariable({
        componentOf: plant, browseName: "Level", nodeId: "s=Plant.Level", dataType: "Double",
        accessLevel: "CurrentRead | HistoryRead", userAccessLevel: "CurrentRead | HistoryRead", historizing: true,
    });
    addressSpace.installHistoricalDataNode(level, { maxOnlineValues: values + 1 });
    const begin = Date.UTC(2026, 0, 1);
    for (let at = 0; at < values; at++) {
        const time = new Date(begin + Math.floor(at / run) * 1000);
        const bad = at % 10 === 9;
        await level.varHistorian.push(new DataValue({
            value: new Variant({ dataType: DataType.Double, value: at }),
            statusCode: bad ? StatusCodes.BadSensorFailure : StatusCodes.Good,
            sourceTimestamp: time, serverTimestamp: time,
        }));
    }
    await server.start();
    const port = server.endpoints[0].port;
    console.log(JSON.stringify({ port, node: `nsu=urn:node-opcua:plant;s=Plant.Level` }));
    process.stdin.resume();
    process.stdin.on("end", () => server.shutdown(0).then(() => process.exit(0)));
}

main().catch((error) => { console.error(error); process.exit(1); });
