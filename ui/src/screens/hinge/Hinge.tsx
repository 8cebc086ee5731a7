export default function Hinge() { return <h1>Hinge</h1>; }
