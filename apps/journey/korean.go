package journey

// korean has the journey's texts in Korean.
var korean = map[string]string{}
