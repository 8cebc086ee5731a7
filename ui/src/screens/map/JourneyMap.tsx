export default function JourneyMap() { return <h1>JourneyMap</h1>; }
